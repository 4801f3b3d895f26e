"""`--engine fast`: benchtui's engine computes the answers of lm-eval's `hf` model, with every shared prefix once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchtui.worker.answering.hf.engine import generation_requests, scoring
from benchtui.worker.answering.hf.engine.capabilities import Engine
from benchtui.worker.answering.hf.engine.output_head import Signal
from benchtui.worker.answering.hf.model import HFModel
from benchtui.worker.answering.next_token import TokensScored
from benchtui.worker.answering.protocol import GenerateRequest, Observer, Scored, ScoreRequest, Written


class FastLM(HFModel):
    """Takes the arguments of `HFLM` and gives the same answers, several times faster.

    Where a model or a setting does not allow the engine's way, lm-eval's own code runs and the observer is told.
    Nothing that is computed outlives the call that computed it, so an adapter can be switched off and on between calls.

    One thing differs from `HFLM` on purpose: a row ends at its own stop string, which is what `HFLM` does at batch size
    1 (in larger batches it goes on until all rows have stopped, which shows where a stop string is a special token).
    """

    takes_more = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._engine: Engine | None = None
        super().__init__(*args, **kwargs)

    def score(self, requests: Sequence[ScoreRequest], answered: Scored, observer: Observer) -> None:
        """As `Answering.score`."""
        scoring.score(self, self._prepared(observer), requests, answered, observer)

    def score_tokens(
        self,
        requests: Sequence[ScoreRequest],
        signal: Signal | None,
        answered: TokensScored,
        observer: Observer,
    ) -> list[int]:
        """As `HFModel.score_tokens`."""
        return scoring.score_tokens(self, self._prepared(observer), requests, signal, answered, observer)

    def generate(self, requests: Sequence[GenerateRequest], answered: Written, observer: Observer) -> None:
        """As `Answering.generate`."""
        generation_requests.write(self, self._prepared(observer), requests, answered, observer)

    def _prepared(self, observer: Observer) -> Engine:
        if self._engine is None or not self._engine.is_for(self.model):
            self._engine = Engine.of(self.model, self.mixed_precision_dtype, self.backend != "causal", observer)
        return self._engine
