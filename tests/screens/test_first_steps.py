"""A folder without models, and models that cannot be evaluated: what can be done is offered, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from textual.widgets import Input

from benchtui.plans.choice import Choice
from screens.app import BenchtuiApp
from screens.home.home import Home
from screens.settings import Settings
from tests.screens.conftest import MODEL, NOW, Open, press, settle, shown, type_in
from tests.screens.test_settings_survive import until


def opened(choice: Choice | None = None, *, typed: bool = False) -> BenchtuiApp:
    return BenchtuiApp(Settings(choice or Choice(outputs=Path("outputs")), typed=typed, clock=lambda: NOW))


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def test_the_demo_from_an_empty_folder(nowhere: Path) -> None:
    app = opened()
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, "Try the demo")
        screen = shown(pilot)
        assert "outputs" in screen
        assert "Choose another folder" in screen
        assert "Name a model" in screen
        await press(pilot, "enter")
        await until(pilot, "New benchmark › Compare")
        assert "islands-400k" in shown(pilot)
        await press(pilot, "ctrl+n", "ctrl+n")
        assert "The tasks named below" in shown(pilot)
        app.go_home()
        await until(pilot, "islands-400k-instructions")
        assert "Try the demo" not in shown(pilot)
    assert (nowhere / "benchtui-demo" / "outputs").is_dir()


async def test_another_folder_from_an_empty_one(nowhere: Path, models: Path) -> None:
    (nowhere / "empty").mkdir()
    async with opened(Choice(outputs=Path("empty"))).run_test(size=(100, 30)) as pilot:
        await until(pilot, "There are no trained models in empty.")
        await press(pilot, "down", "enter")
        assert "Which folder holds your trained models?" in shown(pilot)
        await press(pilot, *["backspace"] * 5)
        await type_in(pilot, "outputs")
        await press(pilot, "enter")
        await until(pilot, MODEL)
        assert "Try the demo" not in shown(pilot)
        await press(pilot, "b")
        await until(pilot, "New benchmark › Compare")


async def test_a_hub_id_from_an_empty_folder(nowhere: Path) -> None:
    async with opened().run_test(size=(100, 30)) as pilot:
        await until(pilot, "Name a model")
        await press(pilot, "down", "down", "enter")
        await until(pilot, "Which trained model?")
        field = pilot.app.screen.query_one("#model-path", Input)
        assert field.has_focus, "there is nothing to choose from"
        await type_in(pilot, "org/name")
        assert field.value == "org/name"


async def test_models_that_come_later_are_seen(nowhere: Path, models: Path) -> None:
    shutil.move("outputs", "hidden")
    async with opened().run_test(size=(100, 30)) as pilot:
        await until(pilot, "Try the demo")
        shutil.move("hidden", "outputs")
        assert isinstance(pilot.app.screen, Home)
        pilot.app.screen.action_reload()
        await until(pilot, MODEL)
        assert "Try the demo" not in shown(pilot)


async def test_a_broken_model_does_not_pass_the_first_question(open_app: Open) -> None:
    """However it is named: chosen, typed, in a flag, or from Home."""
    async with open_app().run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await press(pilot, "end", "b")
        await settle(pilot)
        screen = " ".join(shown(pilot).split())
        assert "Which trained model?" in screen
        assert "broken" in screen
        await press(pilot, "ctrl+n")
        assert "Which trained model?" in shown(pilot)
        assert "No model is chosen yet." in shown(pilot)
        field = pilot.app.screen.query_one("#model-path", Input)
        field.value = "broken"
        field.focus()
        await press(pilot, "enter")
        screen = " ".join(shown(pilot).split())
        assert "Which trained model?" in screen
        assert "outputs/broken" in screen
    flag = Choice(outputs=Path("outputs"), model="broken")
    async with open_app(flag, typed=True).run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        assert "Which trained model?" in shown(pilot)
        assert "broken" in shown(pilot)


async def test_only_broken_models_leave_the_field(open_app: Open, models: Path) -> None:
    for folder in models.iterdir():
        if folder.name != "broken":
            shutil.rmtree(folder)
    async with open_app(typed=True).run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        assert "Which trained model?" in shown(pilot)
        assert pilot.app.screen.query_one("#model-path", Input).has_focus


async def test_slash_begins_a_search_in_tasks(open_app: Open) -> None:
    async with open_app().run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await press(pilot, "t")
        await settle(pilot, 60)
        await press(pilot, "slash")
        await type_in(pilot, "gsm8k")
        field = pilot.app.screen.query_one(Input)
        assert field.value == "gsm8k"
        assert "Nothing fits." not in shown(pilot)
        await press(pilot, "enter", "slash")
        assert field.has_focus
        await type_in(pilot, "piqa")
        assert field.value == "piqa", "what was looked for before is replaced"
