"""Compares pairs of runs for a leaderboard, each once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from benchtui.compare.compare import compare_runs
from benchtui.compare.records import Difference, Row
from benchtui.errors import BenchtuiError
from benchtui.results.read import read_run
from benchtui.results.records import RunResults

Pair = tuple[Path, Path]
"""The run directories of the reference and of the candidate."""


class PairedRuns(msgspec.Struct, frozen=True):
    """The headline rows of a comparison of two runs, as `benchtui compare` finds them for these two alone, but without
    what only tests at another level need. `watched` where either might have stopped early; `settings` name what differs
    between the runs besides the model. `problem` says why there are no rows: a damaged file."""

    rows: tuple[Row, ...]
    watched: bool = False
    settings: tuple[str, ...] = ()
    problem: str = ""

    def row(self, task: str) -> Row | None:
        return next((row for row in self.rows if row.task == task), None)


class PairReader:
    """Compares pairs one after another; what two of them have in common is read once."""

    def __init__(self) -> None:
        self._read: dict[Path, RunResults] = {}

    def compare(self, pair: Pair) -> PairedRuns:
        """Compare one pair; what cannot be read becomes its `problem`."""
        try:
            return compare_pair(*map(self._results, pair))
        except BenchtuiError as error:
            return PairedRuns((), problem=error.what)

    def _results(self, path: Path) -> RunResults:
        if path not in self._read:
            self._read[path] = read_run(path)
        return self._read[path]


def compare_pair(first: RunResults, second: RunResults) -> PairedRuns:
    """Compare two runs. Raises BenchtuiError naming a damaged sample file."""
    comparison = compare_runs(first, second)
    return PairedRuns(tuple(map(_lighter, comparison.headlines)), comparison.watched, comparison.settings)


def compare_pairs(pairs: Iterable[Pair]) -> Mapping[Pair, PairedRuns]:
    """Compare each pair; see `PairReader.compare`."""
    reader = PairReader()
    return {pair: reader.compare(pair) for pair in dict.fromkeys(pairs)}


def _lighter(row: Row) -> Row:
    def light(found: Difference | None) -> Difference | None:
        if found is None:
            return None
        parts = tuple(msgspec.structs.replace(each, units=None, draws=None) for each in found.completions)
        return msgspec.structs.replace(found, units=None, draws=None, completions=parts)

    return msgspec.structs.replace(row, difference=light(row.difference), new_tasks=None, shrunk=None)
