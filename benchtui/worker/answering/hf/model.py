"""lm-eval's `hf` model as both engines use it: loaded with every tensor accounted for, and its own texts kept whole."""

from __future__ import annotations

from abc import abstractmethod
from collections import defaultdict, deque
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from benchtui.worker.answering.hf.engine.output_head import Signal
from benchtui.worker.answering.hf.weights import AccountedLM
from benchtui.worker.answering.next_token import TokensScored
from benchtui.worker.answering.protocol import (
    Finish,
    Generated,
    GenerateRequest,
    Observer,
    Scored,
    ScoreRequest,
    Written,
)
from benchtui.worker.answering.stop_strings import StopStrings


class HFModel(AccountedLM):
    """Takes the arguments of HFLM. `memory_share` below 1 plans for less of the memory.

    HFLM's own methods can be called too, and compute what they compute: each row that `_model_generate` returns is kept
    until its answer is taken.
    """

    memory_share: float
    takes_more = False
    """As `TakesMore.takes_more`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.memory_share = 1.0
        self._texts: list[str] = []
        self._rows: dict[str, deque[Generated]] = defaultdict(deque)
        super().__init__(*args, **kwargs)

    @abstractmethod
    def score(self, requests: Sequence[ScoreRequest], answered: Scored, observer: Observer) -> None:
        """As `Answering.score`."""

    @abstractmethod
    def score_tokens(
        self,
        requests: Sequence[ScoreRequest],
        signal: Signal | None,
        answered: TokensScored,
        observer: Observer,
    ) -> list[int]:
        """Answer those requests as `TokenScorer.score_tokens` does that this engine can, and return the numbers of the
        others."""

    @abstractmethod
    def generate(self, requests: Sequence[GenerateRequest], answered: Written, observer: Observer) -> None:
        """As `Answering.generate`."""

    def generate_by_lm_eval(self, requests: Sequence[GenerateRequest]) -> list[Generated]:
        """The answers of HFLM.generate_until to these requests. It draws from one generator for a whole batch, so those
        that need a seed of their own are asked alone."""
        if len(requests) > 1 and any(request.repeated for request in requests):
            return [answer for request in requests for answer in self.generate_by_lm_eval([request])]
        self._rows.clear()
        self.ask_lm_eval(requests)
        return [self._rows[request.text].popleft() for request in requests]

    def ask_lm_eval(self, requests: Sequence[GenerateRequest]) -> None:
        """Have HFLM.generate_until answer these requests: several that share its generator, or one `repeated`."""
        for request in requests:
            if request.repeated:
                torch.manual_seed(request.seed % 2**63)
        instances = [Instance("generate_until", {}, request.args[:2], 0) for request in requests]
        HFLM.generate_until(self, instances, disable_tqdm=True)

    def tok_batch_encode(
        self,
        strings: list[str],
        padding_side: str = "left",
        left_truncate_len: int | None = None,
        truncation: bool = False,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """As HFLM, which warns of each prompt that is cut; here it is told of each answer instead."""
        self._texts = list(strings)
        ids, mask = super().tok_batch_encode(strings, padding_side, None, truncation)
        if left_truncate_len:
            ids, mask = ids[:, -left_truncate_len:], mask[:, -left_truncate_len:]
        return ids, mask

    def _model_generate(self, context: Any, max_length: int, stop: list[str], **settings: Any) -> torch.Tensor:
        rows: torch.Tensor = super()._model_generate(context, max_length=max_length, stop=stop, **settings)
        begin = context.shape[1] if self.backend == "causal" else 1  # a decoder begins with a token of its own
        ends = _end_tokens(self.model, settings)
        stops = StopStrings.by_transformers(self.tokenizer, [*stop, *_listed(settings.get("stop_strings"))])
        for text, row in zip(self._texts, rows[:, begin:].tolist(), strict=True):
            count, finish = _own_end(row, ends, stops)
            self._rows[text].append(Generated(self.tok_decode(row), row[:count], finish))
        return rows


def _own_end(tokens: Sequence[int], ends: Collection[int], stops: StopStrings) -> tuple[int, Finish]:
    """How many tokens a generated row has up to its own end, and what ended it.

    A row goes on behind its end, with padding or more text, until all rows of its batch have ended.
    """
    for place, token in enumerate(tokens):
        if token in ends:
            return place + 1, "end"
        if stops.found(tokens[: place + 1]):
            return place + 1, "stop"
    return len(tokens), "length"


def _end_tokens(model: Any, settings: Mapping[str, Any]) -> frozenset[int]:
    """The tokens at which transformers ends a row."""
    named = settings.get("eos_token_id", getattr(model.generation_config, "eos_token_id", None))
    return frozenset(_listed(named))


def _listed(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]
