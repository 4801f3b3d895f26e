"""Finds sweeps over thresholds among the runs, and opens what they found."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from benchtui.errors import BenchtuiError
from benchtui.routing.sweeps.records import SWEEP, Sweep, read_sweep
from benchtui.runs.directory import RunDirectory
from benchtui.runs.find import find
from benchtui.runs.kinds.registry import kind_of
from benchtui.runs.known import KnownRun, begun, known_runs, model_runs
from benchtui.text import one_line

KIND = "sweep"


def find_sweep(outputs: Path, text: str | None) -> Sweep:
    """Read the sweep that `text` names: a run, a model (its newest one), or None for the newest of all. Raises
    BenchtuiError where there is none, or it has not finished."""
    if text is None:
        return read_sweep(_newest(known_runs(outputs), "").path)
    named = find(outputs, text)
    if named.run is None:
        assert named.model is not None  # noqa: S101 - no run was named: a model was
        return read_sweep(_newest(model_runs(named.model), f" of {one_line(named.model.name, 100)}").path)
    if not is_sweep(named.run):
        raise BenchtuiError(f"{one_line(str(named.run.path), 200)} is no sweep.", "`benchtui runs` lists them.")
    return read_sweep(named.run.path)


def is_sweep(run: RunDirectory) -> bool:
    """Whether a run is a sweep."""
    try:
        return kind_of(run).name == KIND
    except BenchtuiError:
        return False  # `benchtui runs` says what is wrong with it


def _newest(runs: Iterable[KnownRun], whose: str) -> RunDirectory:
    found = [known.run for known in runs if is_sweep(known.run) and (known.run.path / SWEEP).exists()]
    if not found:
        raise BenchtuiError(
            f"There is no finished sweep{whose}.", "`benchtui hybrid sweep --small A --large B --tasks T` makes one."
        )
    return max(found, key=begun)
