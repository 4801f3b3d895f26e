"""The distribution of the next token at every place of a given text, from a transformers model."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from benchtui.errors import BenchtuiError
from benchtui.worker.answering.hf.engine.backbone import Backbone
from benchtui.worker.answering.hf.engine.batching import RequestedBatch, TokenBudget, token_budget
from benchtui.worker.answering.hf.engine.capabilities import detect
from benchtui.worker.answering.hf.engine.output_head import OutputHead, checked_logprobs
from benchtui.worker.answering.hf.engine.prefix_cache import read_prefix
from benchtui.worker.answering.hf.memory import does_not_fit, unless_out_of_memory
from benchtui.worker.answering.next_token import TokenLogProbs
from benchtui.worker.answering.protocol import Ids, Observer

T = TypeVar("T")
Rows = NDArray[np.float32]


class TextDistributions:
    """Computes log-probabilities over the whole vocabulary, in nats, at temperature 1.

    The layers run in the model's own precision, the output projection in float32. `window` is the longest text, in
    tokens. `as_planned` is entered for each computation, but not between two of them: it switches an adapter off where
    the model without it is meant, so that two models on the same weights can be asked in turn.

    Raises BenchtuiError for an encoder-decoder model, which has no distribution of a text's own tokens.
    """

    def __init__(
        self,
        model: Any,
        window: int,
        *,
        autocast: torch.dtype | None = None,
        as_planned: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        if getattr(model.config, "is_encoder_decoder", False):
            raise BenchtuiError(
                f"{type(model).__name__} is an encoder-decoder model: it has no next-token distribution of a text.",
                "Choose a causal language model.",
            )
        self.window = window
        self._as_planned = as_planned
        with as_planned():
            self.backbone, self.capabilities = detect(Backbone(model, autocast), encoder_decoder=False)
        self._head = OutputHead(self.backbone, torch.float32)
        self._budget: TokenBudget | None = None

    def of(self, ids: Ids, first: int, observer: Observer) -> Iterator[TokenLogProbs]:
        """Yield the distributions at the places `first` … `len(ids)` of a text, in order, a chunk at a time.

        Raises ValueError for a `first` that is not among 1 … len(ids), BenchtuiError for a text longer than the
        window, OutOfMemoryError where the text does not fit into memory, NotANumberError where the model computes NaN.
        """
        if not 1 <= first <= len(ids):
            raise ValueError(f"first is {first}: must be 1 to {len(ids)}, the number of tokens")
        self.check_length(len(ids))
        if self.capabilities.shares_prefixes and len(ids) <= self.capabilities.longest:
            return self._from_pieces(ids, first, observer)
        return self._from_one_pass(ids, first, observer)

    def check_length(self, tokens: int) -> None:
        """Raise BenchtuiError where a text of so many tokens is longer than the model's window."""
        if tokens > self.window:
            raise BenchtuiError(
                f"A text of {tokens:,} tokens is longer than the model's window of {self.window:,}.",
                "Shorten the text, or set max_length in the model's arguments if the model can read more.",
            )

    def budget(self, observer: Observer) -> TokenBudget:
        """How many tokens one forward pass may hold; halved when memory runs out."""
        if self._budget is None:
            tokens, why = token_budget(self.backbone, RequestedBatch(None, self.window))
            self._budget = TokenBudget(tokens, observer, why)
            if self.head_dtype != "float32":
                why = "it is not a plain matrix: float32 is not possible"
                observer.decision("output projection", self.head_dtype, why)
        return self._budget

    @property
    def head_dtype(self) -> str:
        """As `HidesStates.head_dtype`."""
        return "float32" if self.backbone.projects_in_float32 else str(self.backbone.dtype).removeprefix("torch.")

    def compute(self, forward: Callable[[], T]) -> T:
        """Call `forward` with the model as planned."""
        with self._as_planned():
            return forward()

    def chunks(self, hidden: torch.Tensor) -> Iterator[Rows]:
        """Yield log-probabilities [k, vocabulary] for consecutive rows of `hidden` [n, width]."""
        return (logprobs for logprobs, _ in self.chunks_of_logits(hidden))

    def chunks_of_logits(self, hidden: torch.Tensor) -> Iterator[tuple[Rows, Rows]]:
        """Yield the same, each with the logsumexp of the logits [k]."""
        done = 0
        while done < len(hidden):
            with self._as_planned():
                logprobs, sums = self._head.next_token_logprobs(hidden[done:])
            yield logprobs, sums
            done += len(logprobs)

    def _from_pieces(self, ids: Ids, first: int, observer: Observer) -> Iterator[TokenLogProbs]:
        tokens = np.asarray(ids, dtype=np.int32)
        budget = self.budget(observer)
        hidden = self.compute(lambda: read_prefix(self.backbone, tokens, None, budget, observer)[1])
        place = first
        for logprobs in self.chunks(hidden[first - 1 :]):
            yield TokenLogProbs(place, logprobs)
            place += len(logprobs)

    def _from_one_pass(self, ids: Ids, first: int, observer: Observer) -> Iterator[TokenLogProbs]:
        """For models whose cache cannot be continued: the logits of all places are in memory together."""
        tokens = torch.tensor([list(ids)], device=self.backbone.device)
        forward = functools.partial(self.backbone.whole_float32_logits, tokens)
        logits = unless_out_of_memory(functools.partial(self.compute, forward), self.backbone.device)
        if logits is None:
            raise does_not_fit(len(ids), self.backbone.device)
        observer.tokens(len(ids))
        yield TokenLogProbs(first, checked_logprobs(logits[first - 1 :]))
