"""The screens of a comparison by token as pictures: at 80×24 and 120×36, dark, light, without colours, and in the
colours for colour-blind people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from benchtui.plans.choice import Choice
from screens.app import BenchtuiApp
from screens.settings import Settings
from tests.screens.conftest import NOW, app_in, press, settle
from tests.screens.test_pictures import MODES, SAFE, SIZES
from tests.screens.tokens.made_run import made_run

SCREENS = {
    "overview": (),
    "classes": ("c",),
    "replacements": ("p",),
    "flips": ("f",),
    "curves": ("v",),
    "documents": ("d",),
    "text": ("d", "down", "enter"),
}
ALL = [(screen, size, mode) for screen in SCREENS for size in SIZES for mode in MODES]
ALL += [(screen, size, mode) for screen in ("documents", "text") for size in SIZES for mode in SAFE]
_SHORT = [one for one in ALL if one[0] in ("overview", "text") and one[1:] in (("80x24", "dark"), ("120x36", "light"))]
_SHORT += [("text", "80x24", "no-colour")]


@pytest.mark.parametrize(
    ("screen", "size", "mode"), [pytest.param(*one, marks=() if one in _SHORT else pytest.mark.long) for one in ALL]
)
def test_picture(
    screen: str, size: str, mode: str, model: Path, monkeypatch: pytest.MonkeyPatch, snap_compare: Any
) -> None:
    run = made_run(model, labels=("base", "step-500", "tuned"))
    app = app_in(mode, lambda: BenchtuiApp(Settings(Choice(outputs=Path("outputs")), clock=lambda: NOW)), monkeypatch)

    async def act(pilot: Pilot[int]) -> None:
        await settle(pilot)
        app.open_tokens(Path("outputs", *run.path.parts[-3:]))
        await settle(pilot)
        await press(pilot, *SCREENS[screen])

    assert snap_compare(app, run_before=act, terminal_size=SIZES[size])
