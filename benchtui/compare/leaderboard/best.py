"""Says who leads each column, and whether that is shown.

The leader by score is called best only where it is shown to be better than every other candidate that can be compared
with it, each by the p-value of a comparison of these two alone, at 5 % / ((K - 1) x columns) for K candidates with a
score. Whoever is wrongly called best must have been shown to be better than the one that truly is, which for each of
the others happens with at most half that chance (the wrong direction of a two-sided test): together at most 5 %,
whatever depends on what, and although the scores chose the leader. Those that are not shown to be worse by the same
rule cannot be told apart from it; nor can those that no test can compare with it (several seeds with several seeds).
Those that were asked in another way are left aside, and named.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import msgspec

from benchtui.compare.leaderboard.contrasts import (
    Contrast,
    best_first,
    couple,
    pair_of_couple,
    uncorrected,
    uncorrected_p,
)
from benchtui.compare.leaderboard.pairs import Pair, PairedRuns
from benchtui.compare.leaderboard.records import Best, Column, Leaderboard
from benchtui.evidence.records import ALPHA


def with_best(
    board: Leaderboard, compared: Mapping[Pair, PairedRuns], shrinkages: Mapping[str, float | None] | None = None
) -> Leaderboard:
    """Fill in who leads each column, from the pairs that were compared so far; `shrinkages` by task."""
    levels, told = _levels(board), shrinkages or {}
    found = [
        _best(board, number, compared, level, told.get(board.columns[number].task))
        for number, level in enumerate(levels)
    ]
    return msgspec.structs.replace(board, best=tuple(found))


def pairs_of_best(board: Leaderboard) -> Iterator[Pair]:
    """Yield the pairs that say who is best, each once: the leader of each column with all others of it. A column's own
    come only when its leader is known: that cell must not be pending."""
    found: dict[Pair, None] = {}
    for number, column in enumerate(board.columns):
        leader, *others = contenders(board, number) or [-1]
        if not others or board.cells[leader][number].state == "pending":
            continue
        for place in others:
            pair = pair_of_couple(board.candidates, couple(leader, place), column)
            if pair is not None and pair not in found:
                found[pair] = None
                yield pair


def contenders(board: Leaderboard, number: int) -> list[int]:
    """Return the places of those that can be the best of a column, by score, the best first: the others have no number
    or are not comparable with their reference."""
    column, values = board.columns[number], dict[int, float]()
    for place, cells in enumerate(board.cells):
        cell, outcome = cells[number], board.candidates[place].outcome(column.task)
        fits = outcome is None or outcome.metric == column.metric
        if fits and cell.state not in ("missing", "not comparable") and _is_number(cell.value):
            values[place] = cell.value or 0.0
    return best_first(values, column)


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _with_scores(board: Leaderboard, number: int) -> int:
    return sum(_is_number(cells[number].value) for cells in board.cells)


def _levels(board: Leaderboard) -> list[float]:
    """Return the level of each column's tests. It does not change while pairs are compared."""
    counts = [_with_scores(board, number) for number in range(len(board.columns))]
    columns = sum(count > 1 for count in counts)
    return [ALPHA / ((count - 1) * columns) if count > 1 else ALPHA for count in counts]


def _best(
    board: Leaderboard,
    number: int,
    compared: Mapping[Pair, PairedRuns],
    alpha: float,
    shrinkage: float | None,
) -> Best | None:
    leader, *others = contenders(board, number) or [-1]
    if not others:
        return None
    column, tied, apart, worse, pending = board.columns[number], [leader], list[int](), 0, 0
    for place in others:
        found = uncorrected(board.candidates, column, couple(leader, place), compared)
        if found.state == "pending":
            pending += 1
        elif found.state == "not comparable" and found.pair is not None:
            apart.append(place)
        elif _shown_better(found, leader, column, compared, alpha):
            worse += 1
        else:
            tied.append(place)
    of = len(tied) + worse + pending
    if of < 2:
        return None
    return Best(leader, not pending and worse == of - 1, tuple(tied), of, shrinkage, pending, tuple(apart))


def _shown_better(
    contrast: Contrast, leader: int, column: Column, compared: Mapping[Pair, PairedRuns], alpha: float
) -> bool:
    """Return whether the leader is shown to be better than the other one."""
    change = contrast.change(leader)
    if change is None or (change > 0) is not column.higher_is_better:
        return False
    return uncorrected_p(contrast, compared) < alpha
