"""The application on a model folder that holds nothing but comparisons by token."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchtui.plans.choice import Choice
from screens.app import BenchtuiApp
from screens.settings import Settings
from tests.screens.conftest import NOW


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A trained model's folder in outputs."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "outputs" / "tuned"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def app(model: Path) -> BenchtuiApp:
    return BenchtuiApp(Settings(Choice(outputs=model.parent), clock=lambda: NOW))
