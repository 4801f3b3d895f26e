"""Which lines a leaderboard has on the screen, and in what order: sorted, filtered, grouped, with what is unfolded."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from benchtui.compare.history.history import Outcome
from benchtui.compare.leaderboard.records import Candidate, CandidateRun, Leaderboard

Grouping = Literal["", "base", "model"]
GROUPINGS: tuple[Grouping, ...] = ("", "base", "model")
NAME = -1
"""In place of a column: sorted by the rows' names."""


@dataclass(frozen=True)
class Order:
    """`column` is what is sorted by, the best first unless `reversed`; of names the first of the alphabet. Rows without
    a score come last in both directions."""

    column: int = 0
    reversed: bool = False
    grouping: Grouping = ""
    filter: str = ""


@dataclass(frozen=True)
class Row:
    """A candidate; or one of its seeds, or one of its other runs, below it."""

    place: int
    seed: Candidate | None = None
    run: CandidateRun | None = None


@dataclass(frozen=True)
class Heading:
    """Before the rows of a base or a model."""

    words: str
    rows: int


Line = Row | Heading


class Sorted:
    """The lines of one leaderboard in one order; `unfolded` names the rows below which the others are."""

    def __init__(self, board: Leaderboard, order: Order) -> None:
        self._board, self._order = board, order
        self._words = order.filter.casefold().split()

    def lines(self, unfolded: Collection[str]) -> list[Line]:
        rows = sorted(filter(self._fits, range(len(self._board.candidates))), key=self._key)
        if self._order.column == NAME and self._order.reversed:
            rows.reverse()
        if not self._order.grouping:
            return list(self._unfold(rows, unfolded))
        groups: dict[str, list[int]] = {}
        for place in rows:
            groups.setdefault(self._group(self._board.candidates[place]), []).append(place)
        found: list[Line] = []
        for name, members in groups.items():
            members.sort(key=lambda place: not self._board.candidates[place].key.base)
            found += [Heading(name or "base unknown", len(members)), *self._unfold(members, unfolded)]
        return found

    def _fits(self, place: int) -> bool:
        candidate = self._board.candidates[place]
        key = candidate.key
        text = f"{candidate.name} {key.format} {key.backend} {key.quantization} {candidate.base_name}".casefold()
        return all(word in text for word in self._words)

    def _key(self, place: int) -> tuple[bool, float, str]:
        candidate = self._board.candidates[place]
        name = candidate.name.casefold()
        if self._order.column == NAME:
            return False, 0.0, name
        value = self._board.cells[place][self._order.column].value
        if value is None or not math.isfinite(value):
            return True, 0.0, name
        better = self._board.columns[self._order.column].higher_is_better
        return False, -value if better != self._order.reversed else value, name

    def _group(self, candidate: Candidate) -> str:
        if self._order.grouping == "model" or candidate.key.base:
            return candidate.key.model
        return candidate.base_name

    def _unfold(self, rows: Sequence[int], unfolded: Collection[str]) -> Iterator[Row]:
        for place in rows:
            yield Row(place)
            candidate = self._board.candidates[place]
            if candidate.name in unfolded:
                yield from (Row(place, seed=seed) for seed in candidate.seeds)
                yield from (Row(place, run=run) for run in candidate.others)


def below(candidate: Candidate) -> int:
    """Return how many lines can be unfolded below a row."""
    return len(candidate.seeds) + len(candidate.others)


def outcome_of(outcomes: Sequence[Outcome], task: str) -> Outcome | None:
    return next((outcome for outcome in outcomes if outcome.task == task), None)
