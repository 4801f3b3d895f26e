"""Two models chosen in the wizard: the large one is looked for, and whether both fit, before the next question."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input, Select

from benchtui.backends.gguf import GGUF
from benchtui.backends.hf import HF
from benchtui.backends.hybrid import HYBRID
from benchtui.plans.choice import Choice
from benchtui.wizard.backends import KnownBackend
from benchtui.wizard.pair import PAIR
from screens.widgets.choices import Choices
from tests.screens.conftest import Open, press, settle, shown

LARGE = "demo/models/islands-400k"


@pytest.fixture(autouse=True)
def backends(still_machine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    known = [*map(KnownBackend, (HF, GGUF, HYBRID))]
    monkeypatch.setattr("screens.wizard.model.known_backends", lambda _: known)
    monkeypatch.setattr("screens.wizard.format.known_backends", lambda _: known)


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_a_large_model_is_put_beside_the_chosen_one(open_app: Open, models: Path, size: tuple[int, int]) -> None:
    choice = Choice(outputs=models, tasks=("demo_knowledge",))
    async with open_app(choice).run_test(size=size) as pilot:
        await settle(pilot)
        await press(pilot, "b", "enter")
        screen = pilot.app.screen
        assert not screen.query_one("#pair").display
        screen.query_one("#format-choices", Choices).point_at(lambda option: option.value == PAIR)
        await press(pilot, "enter")
        assert screen.focused is screen.query_one("#large")
        assert screen.query_one("#threshold").region.bottom <= size[1], "the fields are on the screen"
        await press(pilot, "enter")
        assert "No large model is named." in shown(pilot)
        screen.query_one("#large", Input).value = "nowhere"
        await press(pilot, "enter")
        await settle(pilot)
        assert "There is no model 'nowhere'" in words(shown(pilot))
        screen.query_one("#large", Input).value = LARGE
        screen.query_one("#threshold", Input).value = "0.3"
        screen.query_one("#strategy", Select).value = "margin"
        await press(pilot, "enter")
        await settle(pilot)
        assert "step 4 of 6" in shown(pilot)
        await press(pilot, "ctrl+n", "ctrl+n")
        await settle(pilot)
        said = words(shown(pilot))
        assert "--backend hybrid" in said
        assert f"--large {LARGE} --strategy margin --threshold 0.3" in said
        assert "--no-base" in said


async def test_two_that_do_not_fit_are_refused_there(
    open_app: Open, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_app(Choice(outputs=models))
    monkeypatch.setattr("benchtui.backends.backend.free_memory", lambda: 1000)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await press(pilot, "b", "enter")
        screen = pilot.app.screen
        screen.query_one("#format-choices", Choices).point_at(lambda option: option.value == PAIR)
        await press(pilot, "enter")
        screen.query_one("#large", Input).value = LARGE
        await press(pilot, "enter")
        await settle(pilot)
        assert "The two models do not fit into memory together: about 6" in words(shown(pilot))
        assert "step 3 of 6" in shown(pilot)


async def test_one_model_alone_forgets_the_large_one(open_app: Open, models: Path) -> None:
    more = {**Choice(outputs=models).more, "large": LARGE, "strategy": "margin"}
    async with open_app(Choice(outputs=models, more=more, tasks=("demo_knowledge",))).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await press(pilot, "b", "enter")
        screen = pilot.app.screen
        screen.query_one("#format-choices", Choices).point_at(lambda option: option.value == PAIR)
        await press(pilot, "enter", "enter")
        await settle(pilot)
        assert "step 4 of 6" in shown(pilot)
        await press(pilot, "escape")
        assert screen.query_one("#large", Input).value == LARGE
        screen.query_one("#format-choices", Choices).point_at(lambda option: option.title == "merged_16bit")
        screen.query_one("#format-choices").focus()
        await press(pilot, "enter")
        await press(pilot, "ctrl+n", "ctrl+n")
        await settle(pilot)
        assert "--large" not in shown(pilot)
        assert "hybrid" not in shown(pilot)


async def test_two_that_flags_named_are_filled_in_and_can_be_changed(open_app: Open, models: Path) -> None:
    more = {**Choice(outputs=models).more, "large": LARGE, "strategy": "entropy"}
    small = "demo/models/islands-80k"
    choice = Choice(outputs=models, backend="hybrid", model=small, compare=False, tasks=("demo_knowledge",), more=more)
    async with open_app(choice, typed=True).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await press(pilot, "b")
        await settle(pilot)
        await press(pilot, "ctrl+n")
        screen = pilot.app.screen
        assert screen.query_one("#large", Input).value == LARGE
        assert screen.query_one("#strategy", Select).value == "entropy"
        current = screen.query_one("#format-choices", Choices).current
        assert current is not None
        assert current.value == PAIR
        screen.query_one("#threshold", Input).value = "1.5"
        await press(pilot, "enter", "enter")
        await settle(pilot)
        assert "step 4 of 6" in shown(pilot)
        await press(pilot, "ctrl+n", "ctrl+n")
        await settle(pilot)
        assert f"--large {LARGE} --strategy entropy --threshold 1.5" in words(shown(pilot))
        assert f"--model {small}" in words(shown(pilot))
