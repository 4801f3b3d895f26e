"""The application on a recorded run of the demo's two models, which answered as one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchtui.plans.choice import Choice
from benchtui.runs.directory import RunDirectory
from screens.app import BenchtuiApp
from screens.settings import Settings
from tests.screens.conftest import put_recorded
from tests.screens.hybrid.record import BENCHMARKS, PAIR, SWEEPS


@pytest.fixture
def pair(models: Path, tmp_path: Path) -> RunDirectory:
    """The run, in the folder of the pair beside the other models."""
    put_recorded(models / PAIR, tmp_path / "demo", BENCHMARKS)
    (run,) = (models / PAIR / "benchmarks" / "fine-tuned").iterdir()
    return RunDirectory(run)


@pytest.fixture
def sweep(pair: RunDirectory, models: Path, tmp_path: Path) -> RunDirectory:
    """A finished sweep of the same pair."""
    del pair
    put_recorded(models / PAIR, tmp_path / "demo", SWEEPS, "sweeps")
    (run,) = (one for one in (models / PAIR / "sweeps").iterdir() if one.is_dir())
    return RunDirectory(run)


@pytest.fixture
def pair_app(pair: RunDirectory, models: Path, open_app: object) -> BenchtuiApp:
    """The application, an hour after the run."""
    del open_app  # it holds the machine still
    ended = json.loads(pair.done.read_text())["t"]
    return BenchtuiApp(Settings(Choice(outputs=models), clock=lambda: ended + 3600))
