"""The order of a leaderboard's rows: sorted by any column, by what a candidate costs, or by name; in groups."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

from benchtui.compare.leaderboard.records import AXES, Leaderboard
from benchtui.errors import UsageError

Grouping = Literal["base", "model"]
NAME = "name"


def ordered(board: Leaderboard, by: str, *, reverse: bool = False) -> tuple[int, ...]:
    """Return the places of all candidates, the best first by the column `by` (a task, MEAN), a fact or their NAME.

    `reverse` has the worst first; candidates without that value are last in both directions, and equal ones by name.
    Raises UsageError where nothing is called so.
    """
    value, more_is_better = _values(board, by)

    def key(place: int) -> tuple[bool, float, str]:
        found = value(place)
        name = board.candidates[place].name.casefold()
        if found is None or not math.isfinite(found):
            return True, 0.0, name
        return False, -found if more_is_better != reverse else found, name

    if by == NAME:
        return tuple(sorted(range(len(board.candidates)), key=lambda place: key(place)[2], reverse=reverse))
    return tuple(sorted(range(len(board.candidates)), key=key))


def _values(board: Leaderboard, by: str) -> tuple[Callable[[int], float | None], bool]:
    if by == NAME:
        return (lambda _: None), True
    column = next((number for number, column in enumerate(board.columns) if column.task == by), None)
    if column is not None:
        return (lambda place: board.cells[place][column].value), board.columns[column].higher_is_better
    axis = next((axis for axis in AXES if axis == by), None)
    if axis is not None:
        return (lambda place: board.candidates[place].facts.cost(axis)), axis == "speed"
    known = [*(column.task for column in board.columns[:8]), *AXES, NAME]
    raise UsageError(f"The leaderboard has no column {by!r}.", f"Sort by one of {', '.join(known)}.")


def grouped(board: Leaderboard, places: Sequence[int], by: Grouping | None) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Return the same places in groups with their names, each in the order given, its bases first: those of one base,
    or of one model folder. Without `by` all are one group called ""."""
    if by is None:
        return (("", tuple(places)),)
    groups: dict[str, list[int]] = {}
    for place in places:
        candidate = board.candidates[place]
        own = candidate.key.model if by == "model" or candidate.key.base else candidate.base_name
        groups.setdefault(own, []).append(place)
    return tuple(
        (name, tuple(sorted(members, key=lambda place: not board.candidates[place].key.base)))
        for name, members in groups.items()
    )
