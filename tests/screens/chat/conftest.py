"""The application in an empty folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchtui.plans.choice import Choice
from screens.app import BenchtuiApp
from screens.settings import Settings
from tests.screens.conftest import NOW


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BenchtuiApp:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outputs").mkdir()
    return BenchtuiApp(Settings(Choice(outputs=tmp_path / "outputs"), clock=lambda: NOW))
