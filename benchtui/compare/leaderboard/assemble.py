"""The one way to a leaderboard, for the command line, the application and Python alike.

    found = assemble(outputs, models, reference="base")     # from the index of runs; reads no samples
    for newer in complete(found, first=visible_rows):       # compares what is missing, and yields what there is by then
        show(newer.board())                                 # pending cells become compared ones

`assemble` raises for a reference that is not there; nothing else of a run raises: a damaged one is a cell or a row that
says what is wrong. `found.pairs` are those that the cells need; who is best takes more, which are known once each
column's leader is compared: `found.missing()` has all that are known and left.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import msgspec

from benchtui.compare.leaderboard.best import pairs_of_best, with_best
from benchtui.compare.leaderboard.candidates import find_candidates
from benchtui.compare.leaderboard.cells import Compared, Planned, pairs_of, plan_cells
from benchtui.compare.leaderboard.chosen import shrinkages_of
from benchtui.compare.leaderboard.leaderboard import Verdicts, columns_of, make_leaderboard, references_of
from benchtui.compare.leaderboard.pairs import Pair, PairedRuns, PairReader, runs_in
from benchtui.compare.leaderboard.records import OWN_BASE, Candidate, Column, Leaderboard
from benchtui.compare.leaderboard.seeds import join_seeds

EVERY = 0.5
"""Seconds between two leaderboards that `complete` yields, at least."""


class Assembly(msgspec.Struct, frozen=True, dict=True):
    """All that a leaderboard is made from: `compared` has the pairs that were compared so far, `shrinkages` what is
    known of each column's leader, by task (see `Best`). `plan` and `verdicts` save work from one leaderboard to the
    next."""

    candidates: tuple[Candidate, ...]
    references: tuple[int | None, ...]
    columns: tuple[Column, ...]
    pairs: tuple[Pair, ...]
    plan: tuple[tuple[Planned, ...], ...]
    compared: Compared = {}
    shrinkages: Mapping[str, float | None] = {}
    verdicts: Verdicts = msgspec.field(default_factory=dict)

    def board(self) -> Leaderboard:
        """Judge what is compared so far; all other cells with a reference are pending."""
        return with_best(self._cells, self.compared, self.shrinkages)

    @cached_property
    def _cells(self) -> Leaderboard:
        return make_leaderboard(
            self.candidates, self.references, self.columns, self.compared, plan=self.plan, known=self.verdicts
        )

    def missing(self) -> tuple[Pair, ...]:
        """Return the pairs that are still to be compared: those of cells, then those that say who is best."""
        wanted = dict.fromkeys((*self.pairs, *pairs_of_best(self._cells)))
        return tuple(pair for pair in wanted if pair not in self.compared)

    def with_compared(self, compared: Compared) -> Assembly:
        """Return the same with more pairs compared."""
        return msgspec.structs.replace(self, compared={**self.compared, **compared})

    def with_shrinkages(self) -> Assembly:
        """Return the same with what the samples tell of each column's leader. Reads those of its best candidates."""
        return msgspec.structs.replace(self, shrinkages=shrinkages_of(self._cells))


def assemble(
    outputs: Path, models: Sequence[str] = (), *, reference: str = OWN_BASE, tasks: Sequence[str] = ()
) -> Assembly:
    """Find the candidates in `outputs`, or the named ones alone, what each is compared with, and the columns: all
    tasks, or the named ones. Reads no samples.

    Raises UsageError where there is no such folder, candidate, reference or task.
    """
    return assembly_of(find_candidates(outputs, models), reference=reference, tasks=tasks)


def assembly_of(candidates: Sequence[Candidate], *, reference: str = OWN_BASE, tasks: Sequence[str] = ()) -> Assembly:
    """Do the same for candidates that were found already; those that differ in their training seed alone become one
    row. Raises UsageError where there is no such reference or
    task."""
    candidates = join_seeds(candidates)
    columns = columns_of(candidates, tasks)
    references = references_of(candidates, reference)
    plan = plan_cells(candidates, references, columns)
    return Assembly(tuple(candidates), references, columns, tuple(pairs_of(plan, columns)), plan)


def complete(
    assembly: Assembly, *, first: Callable[[], Iterable[int]] = tuple, every: float = EVERY
) -> Iterator[Assembly]:
    """Compare all missing pairs as `compare_missing` does, and yield what there is; the last one knows the leaders'
    shrinkage too.

    Stop it with `close()`; what was compared until then is kept.
    """
    for newer in compare_missing(assembly, Assembly.missing, first=first, every=every):
        assembly = newer
        yield assembly
    yield assembly.with_shrinkages()


Missing = Callable[[Assembly], Iterable[Pair]]
"""Asks what is to be compared, given what is compared already."""


def compare_missing(
    assembly: Assembly, missing: Missing, *, first: Callable[[], Iterable[int]] = tuple, every: float = EVERY
) -> Iterator[Assembly]:
    """Compare what `missing` asks for until it asks for nothing more. Yields what there is: once for what was kept from
    before, then at most each `every` seconds, and at the end. `first` is asked before each pair for the places of the
    candidates that come first: those that are in view. A pair that cannot be read has a `PairedRuns.problem`.
    """
    reader, yielded = PairReader(), -math.inf
    while wanted := _left(assembly, missing):
        assembly = assembly.with_compared(reader.kept(wanted))
        left = dict.fromkeys(pair for pair in wanted if pair not in assembly.compared)
        compared: dict[Pair, PairedRuns] = {}
        while left:
            if time.monotonic() - yielded >= every:
                assembly = assembly.with_compared(compared)
                yield assembly
                yielded = time.monotonic()
            pair = _next(assembly, left, first())
            del left[pair]
            compared[pair] = reader.compare(pair)
        assembly = assembly.with_compared(compared)
    yield assembly


def _left(assembly: Assembly, missing: Missing) -> list[Pair]:
    """Return what is not compared yet, with all pairs of one first run together: its samples are then read once."""
    left = [pair for pair in dict.fromkeys(missing(assembly)) if pair not in assembly.compared]
    firsts = {run: place for place, run in reversed(list(enumerate(runs_in(pair)[0] for pair in left)))}
    return sorted(left, key=lambda pair: firsts[runs_in(pair)[0]])


def _next(assembly: Assembly, left: Mapping[Pair, None], first: Iterable[int]) -> Pair:
    for place in first:
        for planned in assembly.plan[place]:
            if planned.pair is not None and planned.pair in left:
                return planned.pair
    return next(iter(left))
