"""What two models have done for one answer, as it is kept beside it."""

from __future__ import annotations

import operator
from collections.abc import Iterable

import msgspec
from msgspec.structs import astuple, replace

from benchtui.routing.records import Cost, Side


class Work(msgspec.Struct, frozen=True, array_like=True):
    """What one model did, as `Cost` has it, without its name."""

    calls: int = 0
    positions: int = 0
    chosen: int = 0
    discarded: int = 0
    seconds: float = 0.0
    shared: int = 0
    padding: int = 0
    flops: float = 0.0

    @classmethod
    def of(cls, cost: Cost) -> Work:
        """Return the work of a cost."""
        return cls(**{name: getattr(cost, name) for name in cls.__struct_fields__})

    def plus(self, more: Work) -> Work:
        """Return the sum of both."""
        return Work(*map(operator.add, astuple(self), astuple(more)))

    def choosing(self, tokens: int) -> Work:
        """Return the same work, by which so many tokens were chosen."""
        return replace(self, chosen=tokens)


class Run(msgspec.Struct, frozen=True, array_like=True):
    """Tokens in a row of one model: how many, and how many characters of the answer."""

    side: Side
    tokens: int
    characters: int


class RoutedFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What both models did for one answer: `runs` are who wrote it, from its begin; none for a log-likelihood, whose
    tokens `chosen` of each work counts. `before` of the runs' characters stand before the answer itself: thoughts.
    `accepted` of `drafted` tokens, where the small model drafted."""

    small: Work = Work()
    large: Work = Work()
    runs: tuple[Run, ...] = ()
    drafted: int = 0
    accepted: int = 0
    before: int = 0


def together(parts: Iterable[RoutedFacts]) -> RoutedFacts:
    """Add what was done for several answers; their runs are left out."""
    small = large = Work()
    drafted = accepted = 0
    for part in parts:
        small, large = small.plus(part.small), large.plus(part.large)
        drafted, accepted = drafted + part.drafted, accepted + part.accepted
    return RoutedFacts(small, large, (), drafted, accepted)
