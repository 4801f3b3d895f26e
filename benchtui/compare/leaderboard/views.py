"""Which pairs are compared for what is seen of a leaderboard besides itself: every pair, the steps, and the costs."""

from __future__ import annotations

from collections.abc import Iterator

from benchtui.compare.leaderboard.assemble import Assembly, Missing
from benchtui.compare.leaderboard.matrix import matrix_pairs
from benchtui.compare.leaderboard.pairs import Pair, runs_in
from benchtui.compare.leaderboard.pareto import pareto_pairs
from benchtui.compare.leaderboard.records import Column
from benchtui.compare.leaderboard.steps import Series, series_of, step_pairs


def of_matrix(column: Column) -> Missing:
    return lambda assembly: matrix_pairs(assembly.candidates, column)


def of_pareto(column: Column) -> Missing:
    return lambda assembly: pareto_pairs(assembly.candidates, column, assembly.compared)


def of_steps(only: Series | None = None) -> Missing:
    """Ask for the drops of every curve, or of those of one series, and for the comparisons with the reference that
    their intervals are from."""

    def missing(assembly: Assembly) -> Iterator[Pair]:
        found = series_of(assembly.candidates)
        steps = {place for series, places in found.items() if only in (None, series) for place in places}
        runs = {run for place in steps for run in assembly.candidates[place].runs.values()}
        yield from (pair for pair in assembly.pairs if not runs.isdisjoint(runs_in(pair)))
        yield from step_pairs(assembly.board(), only)

    return missing
