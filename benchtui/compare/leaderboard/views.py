"""Completes what is seen of a leaderboard besides itself: every pair, the training steps, and the costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from benchtui.compare.leaderboard.assemble import Assembly, complete
from benchtui.compare.leaderboard.matrix import matrix_pairs
from benchtui.compare.leaderboard.pairs import Pair, runs_in
from benchtui.compare.leaderboard.pareto import pareto_pairs
from benchtui.compare.leaderboard.records import Column
from benchtui.compare.leaderboard.steps import series_of, step_pairs

Missing = Callable[[Assembly], Iterable[Pair]]
"""Asks what is to be compared, given what is compared already."""


def completed(assembly: Assembly, missing: Missing) -> Iterator[Assembly]:
    """Compare what `missing` asks for until it asks for nothing more, and yield what there is, as `complete` does."""
    while pairs := tuple(pair for pair in missing(assembly) if pair not in assembly.compared):
        for newer in complete(msgspec.structs.replace(assembly, pairs=pairs)):
            assembly = msgspec.structs.replace(newer, pairs=assembly.pairs)
            yield assembly


def of_matrix(column: Column) -> Missing:
    return lambda assembly: matrix_pairs(assembly.candidates, column)


def of_pareto(column: Column) -> Missing:
    return lambda assembly: pareto_pairs(assembly.candidates, column, assembly.compared)


def of_steps(assembly: Assembly) -> Iterable[Pair]:
    """Ask for the drops of every curve, and for the comparisons with the reference that its intervals are from."""
    steps = {place for places in series_of(assembly.candidates).values() for place in places}
    runs = {run for place in steps for run in assembly.candidates[place].runs.values()}
    yield from (pair for pair in assembly.pairs if not runs.isdisjoint(runs_in(pair)))
    yield from step_pairs(assembly.board())
