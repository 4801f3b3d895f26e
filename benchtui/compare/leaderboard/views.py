"""Completes what is seen of a leaderboard besides itself: every pair, the training steps, and the costs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator

from benchtui.compare.leaderboard.assemble import EVERY, Assembly
from benchtui.compare.leaderboard.matrix import matrix_pairs
from benchtui.compare.leaderboard.pairs import Pair, PairedRuns, PairReader, runs_in
from benchtui.compare.leaderboard.pareto import pareto_pairs
from benchtui.compare.leaderboard.records import Column
from benchtui.compare.leaderboard.steps import Series, series_of, step_pairs

Missing = Callable[[Assembly], Iterable[Pair]]
"""Asks what is to be compared, given what is compared already."""


def completed(assembly: Assembly, missing: Missing, *, every: float = EVERY) -> Iterator[Assembly]:
    """Compare what `missing` asks for until it asks for nothing more. Yields what there is: once for what was kept from
    before, then at most each `every` seconds, and at the end. A pair that cannot be read has a `PairedRuns.problem`.
    """
    reader, yielded = PairReader(), -math.inf
    while wanted := _left(assembly, missing):
        assembly = assembly.with_compared(reader.kept(wanted))
        compared: dict[Pair, PairedRuns] = {}
        for pair in _left(assembly, lambda _: wanted):
            if time.monotonic() - yielded >= every:
                assembly = assembly.with_compared(compared)
                yield assembly
                yielded = time.monotonic()
            compared[pair] = reader.compare(pair)
        assembly = assembly.with_compared(compared)
    yield assembly


def _left(assembly: Assembly, missing: Missing) -> list[Pair]:
    """Return what is not compared yet, with all pairs of one first run together: its samples are then read once."""
    left = [pair for pair in dict.fromkeys(missing(assembly)) if pair not in assembly.compared]
    firsts = {run: place for place, run in reversed(list(enumerate(runs_in(pair)[0] for pair in left)))}
    return sorted(left, key=lambda pair: firsts[runs_in(pair)[0]])


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
