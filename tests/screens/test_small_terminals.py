"""60 columns, 20 lines, no colours, names without end and from right to left: every screen still says what it is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.screens.conftest import MODEL, Open, press, settle, shown
from tests.screens.test_hostile import harmless
from tests.screens.test_pictures import SCREENS

SMALL = (60, 20)
NAMES = {
    "long": "a-model-with-a-very-long-name-" + "n" * 200,
    "right to left": "نموذج-مدرب-على-أسئلة-الجزر-" + "ש" * 40,
    "wide": "模型" * 40,
}


@pytest.mark.parametrize("screen", SCREENS)
async def test_every_screen(screen: str, open_app: Open, still_machine: None, models: Path) -> None:
    async with open_app().run_test(size=SMALL) as pilot:
        await settle(pilot)
        await SCREENS[screen](pilot, models)
        rows = shown(pilot).splitlines()
        assert len(rows) == SMALL[1]
        assert sum(bool(row.strip()) for row in rows) > 5, "there is something to read"
        harmless(shown(pilot))


async def test_the_comparison_keeps_the_names_of_its_sides(open_app: Open) -> None:
    async with open_app().run_test(size=SMALL) as pilot:
        await settle(pilot)
        await press(pilot, "enter")
        heading = next(row for row in shown(pilot).splitlines() if "Change" in row)
        assert "Base" in heading
        assert "Tuned" in heading
        await press(pilot, "enter")
        screen = shown(pilot)
        assert "Base" in screen
        assert "Tuned" in screen or "Fine-tuned" in screen


@pytest.mark.parametrize("kind", ["long", *(pytest.param(name, marks=pytest.mark.long) for name in list(NAMES)[1:])])
async def test_names_of_models(kind: str, open_app: Open, still_machine: None, models: Path) -> None:
    shutil.move(models / MODEL, models / NAMES[kind])
    async with open_app().run_test(size=SMALL) as pilot:
        await settle(pilot)
        names = [item.listed.model.name for item in pilot.app.screen._shown]  # type: ignore[attr-defined]
        await press(pilot, *["down"] * names.index(NAMES[kind]))
        seen = [shown(pilot)]
        for keys in (("enter",), ("enter",), ("escape", "escape", "h"), ("escape", "b"), ("ctrl+n",) * 4):
            await press(pilot, *keys)
            seen.append(shown(pilot))
        for screen in seen:
            harmless(screen)
            assert NAMES[kind][:6] in screen
            assert all(len(row) <= SMALL[0] for row in screen.splitlines())
        assert "Ready?" in seen[-1]
        await press(pilot, "escape", "escape", "escape", "escape", "escape", "escape", "q")
    assert pilot.app.return_code == 0
