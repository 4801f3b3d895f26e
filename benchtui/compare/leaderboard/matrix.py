"""Compares every candidate of a column with every other one: the pairwise matrix."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from benchtui.compare.leaderboard.contrasts import (
    Contrast,
    Couple,
    couple,
    make_contrasts,
    pairs_of_couples,
    ranking,
)
from benchtui.compare.leaderboard.pairs import Pair, PairedRuns
from benchtui.compare.leaderboard.records import Candidate, Column

MOST = 60
"""Candidates in a matrix: 1,770 pairs. With more, it has the best ones; corrected is then for the pairs of all, since
these were chosen by their scores."""


class Matrix(msgspec.Struct, frozen=True):
    """One column's candidates with a score in `order`, the best one first; `contrasts` has each couple of them,
    corrected together over `tests`: the pairs of all `of` candidates that have a score."""

    candidates: tuple[Candidate, ...]
    column: Column
    order: tuple[int, ...]
    contrasts: Mapping[Couple, Contrast]
    tests: int
    of: int

    def contrast(self, one: int, other: int) -> Contrast:
        """Return the contrast of the candidates at two places, which are not the same."""
        return self.contrasts[couple(one, other)]

    @property
    def pending(self) -> int:
        """How many contrasts are still to be compared."""
        return sum(contrast.state == "pending" for contrast in self.contrasts.values())


def matrix_pairs(candidates: Sequence[Candidate], column: Column) -> Iterator[Pair]:
    """Yield the runs to compare for the matrix of a column, each pair once, those of the best candidates first."""
    return pairs_of_couples(candidates, _couples(ranking(candidates, column)[:MOST]), column)


def make_matrix(candidates: Sequence[Candidate], column: Column, compared: Mapping[Pair, PairedRuns]) -> Matrix:
    """Judge every couple of the candidates that have a score in this column, as far as it is in `compared`."""
    ranked = ranking(candidates, column)
    order, tests = tuple(ranked[:MOST]), len(ranked) * (len(ranked) - 1) // 2
    found = make_contrasts(candidates, ((column, both) for both in _couples(order)), compared, tests)
    contrasts = {both: contrast for (_, both), contrast in found.items()}
    return Matrix(tuple(candidates), column, order, contrasts, tests, len(ranked))


def _couples(places: Sequence[int]) -> Iterator[Couple]:
    for one, other in itertools.combinations(places, 2):
        yield couple(one, other)
