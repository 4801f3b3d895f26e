"""Puts scores beside what candidates cost, and finds those for which there is no reason: the dominated ones.

A candidate is dominated where another one scores at least as well and costs no more, and is better in one of the two.
Costs are facts; a difference of scores may be chance, so each is compared, corrected over the pairs of all candidates
with a score as in the matrix: any of them could have been the one that dominates.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import msgspec

from benchtui.compare.leaderboard.cells import score_of
from benchtui.compare.leaderboard.contrasts import (
    Contrast,
    Couple,
    couple,
    make_contrasts,
    ranking,
    uncorrected,
)
from benchtui.compare.leaderboard.matrix import MOST, matrix_pairs
from benchtui.compare.leaderboard.pairs import Pair, PairedRuns
from benchtui.compare.leaderboard.records import AXES, Axis, Candidate, Column


class Spot(msgspec.Struct, frozen=True):
    """One candidate: its score and its cost. `dominated_by` is the place of the best-scoring candidate that dominates
    it, None where none does; `contrast` compares the scores of the two."""

    candidate: int
    score: float
    cost: float
    dominated_by: int | None = None
    contrast: Contrast | None = None

    @property
    def shown(self) -> bool:
        """Whether it is shown that its score is lower than that of the one that dominates it."""
        return self.contrast is not None and self.contrast.better is not None


class Front(msgspec.Struct, frozen=True):
    """The scores of a column against one cost; `spots` have the best score first. `unknown` are the candidates with a
    score of which the cost is not known. Scores are corrected over `tests`."""

    column: Column
    axis: Axis
    spots: tuple[Spot, ...]
    unknown: tuple[int, ...]
    tests: int

    @property
    def front(self) -> tuple[int, ...]:
        """The places of those that no other dominates, the best score first."""
        return tuple(spot.candidate for spot in self.spots if spot.dominated_by is None)


def pareto_pairs(
    candidates: Sequence[Candidate], column: Column, compared: Mapping[Pair, PairedRuns]
) -> tuple[Pair, ...]:
    """Return the runs that are still to be compared. Of up to MOST candidates these are all pairs, so that figures are
    those of the matrix; of more, those of the dominated ones: ask again when they are compared, until there are none.
    """
    if len(ranking(candidates, column)) <= MOST:
        return tuple(pair for pair in matrix_pairs(candidates, column) if pair not in compared)
    pending = (
        spot.contrast.pair
        for front in make_fronts(candidates, column, compared)
        for spot in front.spots
        if spot.contrast is not None and spot.contrast.state == "pending"
    )
    return tuple(dict.fromkeys(pair for pair in pending if pair is not None))


def make_fronts(
    candidates: Sequence[Candidate], column: Column, compared: Mapping[Pair, PairedRuns]
) -> tuple[Front, ...]:
    """Return the scores of a column against each cost that is known of two candidates or more."""
    ranked = ranking(candidates, column)
    tests = len(ranked) * (len(ranked) - 1) // 2
    dominators = {axis: _dominators(candidates, column, axis, ranked, compared) for axis in AXES}
    couples = {couple(*both) for found in dominators.values() for both in found.items()}
    if len(ranked) <= MOST:  # those of the matrix: the corrected p-values are then the same
        couples = {couple(*both) for both in itertools.combinations(ranked, 2)}
    judged = make_contrasts(candidates, ((column, both) for both in sorted(couples)), compared, tests)
    contrasts = {both: contrast for (_, both), contrast in judged.items()}
    return tuple(
        _front(candidates, column, axis, ranked, dominators[axis], contrasts)
        for axis in AXES
        if sum(candidates[place].facts.cost(axis) is not None for place in ranked) > 1
    )


def _dominators(
    candidates: Sequence[Candidate],
    column: Column,
    axis: Axis,
    ranked: Sequence[int],
    compared: Mapping[Pair, PairedRuns],
) -> dict[int, int]:
    """Return the best-scoring candidate that dominates each; one whose score cannot be compared with it does not."""
    prices = _prices(candidates, axis, ranked)
    scores = {place: _score(candidates[place], column) for place in prices}
    better = 1 if column.higher_is_better else -1
    found = {}
    for place, price in prices.items():
        for other, theirs in prices.items():  # the best first
            gain = better * (scores[other] - scores[place])
            if gain < 0:
                break
            if theirs > price or (theirs == price and gain == 0):
                continue
            if uncorrected(candidates, column, couple(place, other), compared).state != "not comparable":
                found[place] = other
                break
    return found


def _prices(candidates: Sequence[Candidate], axis: Axis, ranked: Sequence[int]) -> dict[int, float]:
    """Return what each costs, less being better, in the order of `ranked`; speed is less the higher it is."""
    costs = {place: candidates[place].facts.cost(axis) for place in ranked}
    return {place: -cost if axis == "speed" else cost for place, cost in costs.items() if cost is not None}


def _score(candidate: Candidate, column: Column) -> float:
    outcome = score_of(candidate, column)
    assert outcome is not None  # noqa: S101 - it is ranked
    return outcome.value


def _front(
    candidates: Sequence[Candidate],
    column: Column,
    axis: Axis,
    ranked: Sequence[int],
    dominators: Mapping[int, int],
    contrasts: Mapping[Couple, Contrast],
) -> Front:
    spots, unknown = [], []
    for place in ranked:
        cost = candidates[place].facts.cost(axis)
        if cost is None:
            unknown.append(place)
            continue
        by = dominators.get(place)
        contrast = contrasts[couple(place, by)] if by is not None else None
        spots.append(Spot(place, _score(candidates[place], column), cost, by, contrast))
    return Front(column, axis, tuple(spots), tuple(unknown), len(ranked) * (len(ranked) - 1) // 2)
