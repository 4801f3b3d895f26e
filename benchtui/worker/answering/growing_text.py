"""What texts that grow token by token have in common, whichever backend computes them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

import numpy as np

from benchtui.worker.answering.next_token import GrowingText, LogProbs, TokenLogProbs
from benchtui.worker.answering.protocol import Ids, Observer


class TokenText(ABC):
    """A growing text, whose tokens are kept here; a subclass computes distributions, and forks."""

    def __init__(self, observer: Observer, ids: Ids = ()) -> None:
        self._observer = observer
        self._ids = list(ids)
        self.logsumexp: LogProbs | None = None

    @property
    def ids(self) -> list[int]:
        """All its tokens."""
        return list(self._ids)

    def step(self, ids: Ids, last: int | None = None) -> LogProbs:
        """As `GrowingText.step`."""
        asked = len(ids) if last is None else last
        if not 1 <= asked <= len(ids):
            raise ValueError(f"{asked} distributions of {len(ids)} new tokens: a step needs at least one of each")
        longer = [*self._ids, *(int(token) for token in ids)]
        self.logsumexp = None
        found = self._computed(longer, asked)
        self._ids = longer
        return found

    def cut(self, length: int) -> None:
        """As `GrowingText.cut`."""
        if not 0 <= length <= len(self._ids):
            raise ValueError(f"cannot be cut to {length} tokens: there are {len(self._ids)}")
        del self._ids[length:]

    @abstractmethod
    def fork(self) -> GrowingText:
        """As `GrowingText.fork`."""

    @abstractmethod
    def _computed(self, longer: list[int], asked: int) -> LogProbs:
        """Return the distributions after the last `asked` tokens of `longer`, which begins with the present ones."""


class RecomputedText(TokenText):
    """A growing text whose every step reads all its tokens: for models whose cache cannot be cut.

    `distributions` is called as `Distributions.distributions`.
    """

    def __init__(
        self,
        distributions: Callable[[Ids, int, Observer], Iterator[TokenLogProbs]],
        observer: Observer,
        ids: Ids = (),
    ) -> None:
        super().__init__(observer, ids)
        self._distributions = distributions

    def fork(self) -> GrowingText:
        """As `GrowingText.fork`."""
        return RecomputedText(self._distributions, self._observer, self._ids)

    def _computed(self, longer: list[int], asked: int) -> LogProbs:
        chunks = self._distributions(longer, len(longer) - asked + 1, self._observer)
        return np.concatenate([chunk.logprobs for chunk in chunks])
