"""What only some models can give: the distribution of the next token, and texts that grow token by token.

Whoever needs one of them asks with isinstance; a plan is refused before where the backend's description denies it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from benchtui.worker.answering.protocol import Ids, Observer

LogProbs = NDArray[np.float32]


@dataclass(frozen=True)
class TokenLogProbs:
    """Distributions of the next token: `logprobs[i]`, float32 [n, vocabulary] in nats, is that of the token at place
    `first + i`, given the tokens before it."""

    first: int
    logprobs: LogProbs


@runtime_checkable
class Distributions(Protocol):
    """A model that gives the whole distribution at every place of a given text."""

    def distributions(self, ids: Ids, first: int, observer: Observer) -> Iterator[TokenLogProbs]:
        """Log-probabilities at the places `first` … `len(ids)` (the last is that of the token after the text), in
        order, in chunks that memory holds. `first` is at least 1. At temperature 1, without any sampling setting."""


class GrowingText(Protocol):
    """A text in the model's memory that grows by tokens and can be cut back; each fork is independent."""

    @property
    def ids(self) -> list[int]:
        """All its tokens."""

    def step(self, ids: Ids, last: int | None = None) -> LogProbs:
        """Append tokens, at least one; returns the distribution of the next token after each of them, in nats.

        float32 [len(ids), vocabulary]; with `last`, only those after the last so many tokens: after a long prompt most
        are not needed. Raises BenchtuiError where the text would be longer than the model's window, OutOfMemoryError
        where it does not fit into memory, NotANumberError where the model computes NaN; the text is unchanged then.
        """

    def fork(self) -> GrowingText:
        """Return a copy that grows independently."""

    def cut(self, length: int) -> None:
        """Keep the first `length` tokens. Raises ValueError where there are fewer."""


@runtime_checkable
class TextGrower(Protocol):
    """A model that can be stepped token by token: for switching between models, drafts and chat."""

    def grow(self, observer: Observer) -> GrowingText:
        """Begin a text that has no tokens yet."""
