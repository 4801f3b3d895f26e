"""Models with results in all shapes, and the application on their leaderboard."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from benchtui.plans.choice import Choice
from screens.app import BenchtuiApp
from screens.leaderboard.grid import Grid
from screens.settings import Settings
from tests.compare.leaderboard.models import gsm8k, right, three_models, write_model
from tests.screens.conftest import NOW, press, settle, shown
from tests.synthetic import Task, ifeval, write_run

Board = Callable[[], BenchtuiApp]


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three models of one base, and one that is odd in every column: other prompts, a part of a task, a task that
    nobody else has and where less is better. `good` has two older runs."""
    monkeypatch.chdir(tmp_path)
    outputs = three_models(tmp_path / "outputs")
    for number, when in enumerate(("2026-11-18T10-00-00", "2026-11-19T10-00-00")):
        old = {"ifeval": ifeval(right(0.5 + number / 20, 40 + number), total=400)}
        write_run(outputs / "good" / "benchmarks" / "fine-tuned" / when, old, stamp=f"{when}.000000")
    odd = {
        "ifeval": ifeval(right(0.5, 60, 150), total=400),
        "gsm8k": gsm8k(0.4, 61, prompt="other prompt "),
        "wikitext": Task({("word_perplexity", "none"): [9.0 + i % 5 for i in range(50)]}, higher_is_better=False),
    }
    write_model(outputs, "odd", odd)
    shutil.copytree(outputs / "good" / "benchmarks" / "base", outputs / "odd" / "benchmarks" / "base")
    return Path("outputs")


@pytest.fixture
def open_board(outputs: Path) -> Board:
    return lambda: BenchtuiApp(Settings(Choice(outputs=outputs), clock=lambda: NOW))


async def to_board(pilot: Pilot[int]) -> Grid:
    await settle(pilot)
    await press(pilot, "l")
    return pilot.app.screen.query_one(Grid)


def names(pilot: Pilot[int]) -> list[str]:
    """The first column as it stands on the screen, without its heading."""
    rows = pilot.app.screen.query_one(Grid)
    lines = shown(pilot).splitlines()[rows.region.y + 1 : rows.region.bottom]
    width = rows.places[1].x if len(rows.places) > 1 else rows.size.width
    return [line[:width].strip() for line in lines if line[:width].strip()]
