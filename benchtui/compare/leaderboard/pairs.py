"""Compares pairs of runs for a leaderboard, each once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from benchtui.compare.compare import compare_runs
from benchtui.compare.records import Difference, Row
from benchtui.results.read import read_run
from benchtui.results.records import RunResults

Pair = tuple[Path, Path]
"""The run directories of the reference and of the candidate."""


class PairedRuns(msgspec.Struct, frozen=True):
    """The headline rows of a comparison of two runs, as `benchtui compare` finds them for these two alone, but without
    what only tests at another level need. `watched` where either might have stopped early; `settings` name what differs
    between the runs besides the model."""

    rows: tuple[Row, ...]
    watched: bool = False
    settings: tuple[str, ...] = ()

    def row(self, task: str) -> Row | None:
        return next((row for row in self.rows if row.task == task), None)


def compare_pair(first: RunResults, second: RunResults) -> PairedRuns:
    """Compare two runs. Raises BenchtuiError naming a damaged sample file."""
    comparison = compare_runs(first, second)
    return PairedRuns(tuple(map(_lighter, comparison.headlines)), comparison.watched, comparison.settings)


def compare_pairs(pairs: Iterable[Pair]) -> Mapping[Pair, PairedRuns]:
    """Compare each pair. Raises BenchtuiError naming a damaged file."""
    read: dict[Path, RunResults] = {}

    def results(path: Path) -> RunResults:
        if path not in read:
            read[path] = read_run(path)
        return read[path]

    return {pair: compare_pair(results(pair[0]), results(pair[1])) for pair in dict.fromkeys(pairs)}


def _lighter(row: Row) -> Row:
    def light(found: Difference | None) -> Difference | None:
        if found is None:
            return None
        parts = tuple(msgspec.structs.replace(each, units=None, draws=None) for each in found.completions)
        return msgspec.structs.replace(found, units=None, draws=None, completions=parts)

    return msgspec.structs.replace(row, difference=light(row.difference), new_tasks=None, shrunk=None)
