"""What a transformers model tells of the next token: distributions, what its output head reads, texts that grow."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch

from benchtui.routing.arithmetic import Arithmetic
from benchtui.routing.rules import SignalName
from benchtui.worker.answering.hf.arithmetic import arithmetic
from benchtui.worker.answering.hf.distributions import TextDistributions
from benchtui.worker.answering.hf.engine.batching import RequestedBatch
from benchtui.worker.answering.hf.engine.generation_settings import SettingsReader
from benchtui.worker.answering.hf.engine.signals import SignalOfLogits
from benchtui.worker.answering.hf.growing_batch import grow_batch
from benchtui.worker.answering.hf.growing_text import grow
from benchtui.worker.answering.hf.head_alone import save_head
from benchtui.worker.answering.hf.own_settings import own_settings
from benchtui.worker.answering.hf.states.text_states import TextStates
from benchtui.worker.answering.hf.token_bytes import token_bytes
from benchtui.worker.answering.next_token import (
    GrowingBatch,
    GrowingText,
    HiddenStates,
    OwnSettings,
    TokenLogProbs,
    TokensScored,
)
from benchtui.worker.answering.plain_scores import score_plainly
from benchtui.worker.answering.protocol import GenerateRequest, Ids, Observer, ScoreRequest
from benchtui.worker.answering.stepped import known_ids

if TYPE_CHECKING:
    from benchtui.worker.answering.hf.model import HFModel

T = TypeVar("T")


class NextTokens:
    """`Distributions`, `TokenScorer`, `HidesStates`, `TextGrower`, `BatchGrower`, `Vocabulary` and `EndsTexts` of the
    weights of `lm`, which may be replaced."""

    def __init__(self, lm: HFModel) -> None:
        self.lm = lm
        self._distributions: TextDistributions | None = None
        self._states: TextStates | None = None
        self._bytes: tuple[HFModel, Sequence[tuple[bytes, bool]]] | None = None

    @abstractmethod
    def as_planned(self) -> AbstractContextManager[None]:
        """While open, the model in memory is what the plan says."""

    @abstractmethod
    def asked(self, ask: Callable[[], T]) -> T:
        """Return what `ask` returns, with the model as planned. Raises BatchTooLargeError where memory runs out."""

    def distributions(self, ids: Ids, first: int, observer: Observer) -> Iterator[TokenLogProbs]:
        """As `Distributions.distributions`. Raises BenchtuiError for an encoder-decoder model."""
        return self._text_distributions().of(ids, first, observer)

    def score_tokens(
        self,
        requests: Sequence[ScoreRequest],
        signal: SignalName | None,
        answered: TokensScored,
        observer: Observer,
    ) -> None:
        """As `TokenScorer.score_tokens`. Raises BenchtuiError for an encoder-decoder model, and for a signal of raw
        logits where the engine does not answer."""
        computed = SignalOfLogits(signal, known_ids(self.token_bytes())) if signal is not None else None
        others = self.asked(lambda: self.lm.score_tokens(requests, computed, answered, observer))
        if others:
            asked = [requests[index] for index in others]
            score_plainly(self, asked, signal, lambda place, found: answered(others[place], found), observer)

    def grow(self, observer: Observer) -> GrowingText:
        """As `TextGrower.grow`. Raises BenchtuiError for an encoder-decoder model."""
        return grow(self._text_distributions(), observer)

    def grow_batch(self, rows: int | None, longest: int, observer: Observer, share: float = 1.0) -> GrowingBatch:
        """As `BatchGrower.grow_batch`. Raises BenchtuiError for an encoder-decoder model."""
        return grow_batch(self, self._text_distributions(), RequestedBatch(rows, longest, share), observer)

    def head_dtype(self) -> str:
        """As `HidesStates.head_dtype`. Raises BenchtuiError for an encoder-decoder model."""
        return self._text_distributions().head_dtype

    def why_no_states(self) -> str:
        """As `HidesStates.why_no_states`. Raises BenchtuiError for an encoder-decoder model."""
        return self._text_states().why_not

    def hidden_states(self, texts: Sequence[tuple[Ids, int]], observer: Observer) -> Iterator[tuple[int, HiddenStates]]:
        """As `HidesStates.hidden_states`."""
        return self._text_states().of(texts, observer)

    def head_logits(self, states: torch.Tensor) -> torch.Tensor:
        """As `HidesStates.head_logits`."""
        return self._text_states().logits(states)

    def head_digest(self) -> str:
        """As `HidesStates.head_digest`."""
        return self._text_states().digest()

    def save_head(self, file: Path) -> None:
        """As `HidesStates.save_head`."""
        distributions = self._text_distributions()
        distributions.compute(lambda: save_head(distributions.backbone, file))

    def token_bytes(self) -> Sequence[tuple[bytes, bool]]:
        """As `Vocabulary.token_bytes`."""
        if self._bytes is None or self._bytes[0] is not self.lm:
            self._bytes = self.lm, token_bytes(self.lm.tokenizer, self.lm.known_tokens)
        return self._bytes[1]

    def end_tokens(self) -> frozenset[int]:
        """As `EndsTexts.end_tokens`: those of the model's generation settings, and its tokenizer's."""
        named = getattr(self.lm.model.generation_config, "eos_token_id", None)
        own = named if isinstance(named, list | tuple) else [] if named is None else [named]
        return frozenset((*own, int(self.lm.eot_token_id)))

    def arithmetic(self) -> Arithmetic | None:
        """As `CountsArithmetic.arithmetic`."""
        distributions = self._text_distributions()
        return distributions.compute(lambda: arithmetic(distributions.backbone))

    def own_settings(self, request: GenerateRequest) -> OwnSettings:
        """As `BringsSettings.own_settings`."""
        causal, eos = self._text_distributions().backbone.causal, int(self.lm.eot_token_id)
        text = self.lm.tok_decode(eos, skip_special_tokens=False)
        reader = SettingsReader(causal, self.lm.tokenizer, text, self.lm.max_gen_toks)
        return own_settings(causal, reader, request, eos)

    def _text_states(self) -> TextStates:
        distributions, known = self._text_distributions(), self._states
        if known is None or known.distributions is not distributions:
            known = self._states = TextStates(distributions)
        return known

    def _text_distributions(self) -> TextDistributions:
        known = self._distributions
        if known is None or known.backbone.model is not self.lm.model:
            known = self._distributions = TextDistributions(
                self.lm.model,
                self.lm.max_length,
                autocast=self.lm.mixed_precision_dtype,
                as_planned=self.as_planned,
            )
        return known
