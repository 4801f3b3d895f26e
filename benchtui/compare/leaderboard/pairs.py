"""Compares pairs of runs for a leaderboard, each once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from benchtui.compare.compare import compare_runs, read_leaves
from benchtui.compare.differences.difference import MCNEMAR
from benchtui.compare.differences.leaves import SampleSource
from benchtui.compare.differences.terms import Leaves, terms_of
from benchtui.compare.leaderboard.differing import short_reason
from benchtui.compare.leaderboard.mean import MeanPart, mean_row
from benchtui.compare.leaderboard.records import MEAN
from benchtui.compare.leaderboard.seeds import seeds_row
from benchtui.compare.leaderboard.store import PairStore
from benchtui.compare.records import Difference, Kind, Row
from benchtui.errors import BenchtuiError
from benchtui.results.read import read_run
from benchtui.results.records import RunResults
from benchtui.results.samples import Sample
from benchtui.tasks.primary_metric import primary

Runs = tuple[Path, Path]
"""The run directories of the reference and of the candidate."""

KEPT_PAIRS = 4
"""Pairs whose samples are kept as numbers, for the mean over the tasks of several runs."""


class MeanOf(msgspec.Struct, frozen=True):
    """The mean over tasks, each with the pair of runs that its scores are from."""

    parts: tuple[tuple[str, Runs], ...]


class SeedsOf(msgspec.Struct, frozen=True):
    """The mean of several seeds in a task or MEAN, each with the runs that it is compared with."""

    task: str
    parts: tuple[Runs | MeanOf, ...]


Pair = Runs | MeanOf | SeedsOf
"""What is compared for a cell: two runs, the runs of each task of a mean, or those of each seed."""


def runs_in(pair: Pair) -> tuple[Path, ...]:
    """Return all runs that are read for it."""
    if isinstance(pair, SeedsOf):
        return tuple(run for part in pair.parts for run in runs_in(part))
    if isinstance(pair, MeanOf):
        return tuple(run for _, runs in pair.parts for run in runs)
    return pair


def runs_behind(pair: Pair) -> Runs:
    """Return the two runs whose comparison shows what is compared; of a mean those of its first task, of several seeds
    those of the first one."""
    if isinstance(pair, SeedsOf):
        return runs_behind(pair.parts[0])
    return pair.parts[0][1] if isinstance(pair, MeanOf) else pair


class PairedRuns(msgspec.Struct, frozen=True):
    """The headline rows of a comparison of two runs, as `benchtui compare` finds them for these two alone, but without
    what only tests at another level need; or the one row of a mean. `watched` where either might have stopped early;
    `settings` name what differs between the runs besides the model. `reasons` say in a few words why tasks are not
    comparable. `problem` says why there are no rows: a damaged file."""

    rows: tuple[Row, ...]
    watched: bool = False
    settings: tuple[str, ...] = ()
    reasons: dict[str, str] = {}
    problem: str = ""

    def row(self, task: str) -> Row | None:
        for row in self.rows:
            if row.task == task:
                return row
        return None


class PairReader:
    """Compares one after another, and keeps what it found in the user's cache folder. Samples that two of them have in
    common are read once, where the one follows the other."""

    def __init__(self) -> None:
        self._store = PairStore(PairedRuns)
        self._results: dict[Path, RunResults] = {}
        self._leaves: OrderedDict[Runs, Leaves] = OrderedDict()
        self._compared: dict[Runs, PairedRuns] = {}
        self._first: _OnceRead | None = None

    def kept(self, pairs: Iterable[Pair]) -> dict[Pair, PairedRuns]:
        """Return those that were compared before, by anybody. Reads no run."""
        wanted, known = list(dict.fromkeys(pairs)), dict[object, object]()
        found = self._store.find([(_what(pair), runs_in(pair)) for pair in wanted])
        return {wanted[number]: _shared(kept, known) for number, kept in found.items()}

    def compare(self, pair: Pair) -> PairedRuns:
        """Compare two runs, or the mean over several; what cannot be read becomes its `problem`."""
        return _lighter(self._compared_now(pair))

    def compare_whole(self, pair: Pair) -> PairedRuns:
        """Do the same with all that tests at any level and margin need."""
        kept = self.kept([pair]).get(pair)
        if kept is not None and all(_is_whole(row.difference) for row in kept.rows):
            return kept
        return self._compared_now(pair)

    def _compared_now(self, pair: Pair) -> PairedRuns:
        self._store.note(runs_in(pair))
        try:
            found = self._made(pair)
        except BenchtuiError as error:
            return PairedRuns((), problem=error.what)
        self._store.keep(_what(pair), runs_in(pair), _lighter(found))
        return found

    def _pair(self, pair: Runs) -> PairedRuns:
        if pair not in self._compared:
            self._compared[pair] = self._compare(pair)
        return self._compared[pair]

    def _compare(self, pair: Runs) -> PairedRuns:
        first, second = map(self._read, pair)
        comparison = compare_runs(first, second, leaves=self._leaves_of(pair))
        reasons = {
            row.task: short_reason(row, first, second)
            for row in comparison.headlines
            if row.verdict is not None and row.verdict.kind is Kind.NOT_COMPARABLE
        }
        return PairedRuns(comparison.headlines, comparison.watched, comparison.settings, reasons)

    def _made(self, pair: Pair) -> PairedRuns:
        if isinstance(pair, SeedsOf):
            seeds = [part.parts if isinstance(part, MeanOf) else ((pair.task, part),) for part in pair.parts]
            return self._together(pair.task, seeds)
        return self._together(MEAN, [pair.parts]) if isinstance(pair, MeanOf) else self._pair(pair)

    def _together(self, task: str, seeds: Sequence[Sequence[tuple[str, Runs]]]) -> PairedRuns:
        """Compare a mean over tasks, or over seeds; for each seed its tasks with their runs."""
        compared = {runs: self._pair(runs) for parts in seeds for _, runs in parts}
        found = [[self._part(name, runs, compared[runs]) for name, runs in parts] for parts in seeds]
        watched = any(each.watched for each in compared.values())
        if len(found) == 1:
            row, why = mean_row(found[0], watched=watched)
        else:
            row, why = seeds_row(found, watched=watched)
        settings = dict.fromkeys(setting for each in compared.values() for setting in each.settings)
        return PairedRuns((row,), watched, tuple(settings), {task: why} if why else {})

    def _part(self, task: str, pair: Runs, compared: PairedRuns) -> MeanPart:
        row = compared.row(task)
        first, second = map(self._read, pair)
        if row is None or row.key != primary(second.scores_of(task)).key:
            raise BenchtuiError(f"The reference has no score of {task} by the same metric.")
        score, leaves = second.score(task, row.metric, row.filter), self._leaves_of(pair)
        assert score is not None  # noqa: S101 - rows are only made of scores that both have
        leaf = leaves.get((task, row.metric, row.filter))
        targets = leaf.targets if leaf is not None else ()
        return MeanPart(row, terms_of(score, first, second, leaves), targets, compared.reasons.get(task, ""))

    def _read(self, run: Path) -> RunResults:
        if run not in self._results:
            self._results[run] = read_run(run)
        return self._results[run]

    def _leaves_of(self, pair: Runs) -> Leaves:
        if pair not in self._leaves:
            first, second = map(self._read, pair)
            if self._first is None or self._first.results.run != first.run:
                self._first = _OnceRead(first)
            self._leaves[pair] = read_leaves(self._first, SampleSource(second))
            while len(self._leaves) > KEPT_PAIRS:
                gone, _ = self._leaves.popitem(last=False)
                self._compared.pop(gone, None)
        return self._leaves[pair]


class _OnceRead(SampleSource):
    """The samples of a run that several others are compared with."""

    def __init__(self, results: RunResults) -> None:
        super().__init__(results)
        self._samples: dict[str, list[Sample]] = {}

    def read(self, task: str) -> list[Sample]:
        if task not in self._samples:
            self._samples[task] = super().read(task)
        return self._samples[task]


def compare_pairs(pairs: Iterable[Pair]) -> dict[Pair, PairedRuns]:
    """Compare each, or find it among what was compared before; see `PairReader`."""
    reader, wanted = PairReader(), tuple(dict.fromkeys(pairs))
    kept = reader.kept(wanted)
    return {pair: kept[pair] if pair in kept else reader.compare(pair) for pair in wanted}


def _what(pair: Pair) -> str:
    """Return what is computed of the runs."""
    if isinstance(pair, SeedsOf):
        return repr((pair.task, [_what(part) for part in pair.parts]))
    return repr([task for task, _ in pair.parts]) if isinstance(pair, MeanOf) else "pair"


def _is_whole(found: Difference | None) -> bool:
    """Return whether a difference has all that tests need though its units are gone: counts of flips are enough."""
    if found is None or found.interval is None:
        return True
    return all(map(_is_whole, found.completions)) if found.completions else found.method == MCNEMAR


def _shared(found: PairedRuns, known: dict[object, object]) -> PairedRuns:
    """Return the same, with equal parts of all that are `known` so far as one object: thousands of candidates have one
    reference, whose side of each pair would take half of the memory."""
    rows = []
    for row in found.rows:
        parts = {name: known.setdefault(part, part) for name in _ALIKE if (part := getattr(row, name)) is not None}
        rows.append(msgspec.structs.replace(row, **parts))
    return msgspec.structs.replace(found, rows=tuple(rows))


_ALIKE = ("task", "title", "metric", "filter", "level", "first", "pairing", "notes", "population", "claims")


def _lighter(found: PairedRuns) -> PairedRuns:
    return msgspec.structs.replace(found, rows=tuple(map(_light_row, found.rows)))


def _light_row(row: Row) -> Row:
    """Return what a leaderboard needs of a row: verdicts are given anew, together with those of all others."""
    kept = row.verdict if row.verdict is not None and row.verdict.kind is Kind.NOT_COMPARABLE else None
    first, second = (msgspec.structs.replace(side, health=None, spread=None) for side in (row.first, row.second))
    return msgspec.structs.replace(
        row,
        first=first,
        second=second,
        difference=_light(row.difference),
        verdict=kept,
        claims=tuple(claim for claim in row.claims if claim.shown),
        new_tasks=None,
        shrunk=None,
    )


def _light(found: Difference | None) -> Difference | None:
    if found is None:
        return None
    parts: Sequence[Difference] = [msgspec.structs.replace(each, units=None, draws=None) for each in found.completions]
    return msgspec.structs.replace(found, units=None, draws=None, completions=tuple(parts))
