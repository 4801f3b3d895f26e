"""Requests of which more may come while a model answers them.

Whoever asks a model in several calls lets it end each of them with batches that are not full. A model that takes more
while it works keeps them full (continuous batching, across what would have been several calls).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar, runtime_checkable

R = TypeVar("R")
S = TypeVar("S")


class Fed(list[R]):
    """Requests of one call, the first of them and those that came since: a model may answer them as it would answer any
    list. `come` returns what has come since it was called last, without waiting for it; what it raises ends the call.
    """

    def __init__(self, first: Iterable[R], come: Callable[[], Sequence[R]]) -> None:
        super().__init__(first)
        self._come = come

    def more(self) -> Sequence[R]:
        """Append what has come, and return it: nothing where nothing has."""
        come = self._come()
        self.extend(come)
        return come


@runtime_checkable
class TakesMore(Protocol):
    """A model that may look while it answers for more of the requests that it was given."""

    @property
    def takes_more(self) -> bool:
        """Whether it does."""


def more_of(requests: Sequence[R]) -> Sequence[R]:
    """What has come to these requests, which are its last ones from now on: nothing to those that are all there."""
    return requests.more() if isinstance(requests, Fed) else ()


def take_all(requests: Sequence[R]) -> None:
    """Take whatever has come to these requests, for a model that takes nothing more once it has begun."""
    while more_of(requests):
        pass


def made_of(requests: Sequence[R], make: Callable[[Sequence[R]], Sequence[S]]) -> Sequence[S]:
    """What is made of these requests, and of more as it comes."""
    if not isinstance(requests, Fed):
        return make(requests)
    return Fed(make(requests), lambda: make(requests.more()))
