"""The scores of runs that do not count: a leaderboard has only their names until somebody asks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from benchtui.compare.history.history import Outcome, outcomes_of
from benchtui.compare.leaderboard.records import Leaderboard
from benchtui.errors import BenchtuiError
from benchtui.results.read import read_run


def scores_of_others(board: Leaderboard) -> dict[Path, tuple[Outcome, ...]]:
    """Return the scores of every other run of every candidate; a damaged one has none."""
    return scores_of_runs(run.path for candidate in board.candidates for run in candidate.others)


def scores_of_runs(runs: Iterable[Path]) -> dict[Path, tuple[Outcome, ...]]:
    """Return the scores of runs, by their directories, without any comparison; a damaged one has none."""
    return {run: _scores(run) for run in runs}


def _scores(run: Path) -> tuple[Outcome, ...]:
    try:
        return tuple(outcomes_of(read_run(run), None))
    except BenchtuiError:
        return ()
