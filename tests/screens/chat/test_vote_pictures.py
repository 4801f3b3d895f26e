"""A blind vote as pictures: two answers, and the result."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from screens.app import BenchtuiApp
from screens.chat.vote import EVERY, VotePage
from tests.chat.spoken import spoken
from tests.screens.conftest import app_in, press, settle
from tests.screens.test_pictures import MODES, SIZES

ALL = [(screen, size, mode) for screen in ("vote", "result") for size in SIZES for mode in MODES]
_SHORT = [("vote", "80x24", "dark"), ("result", "120x36", "light")]
LONG = (
    "Herons stand in shallow water at the edges of lakes and rivers.\n\n- They wait for fish.\n- They nest in trees, "
    "many pairs together.\n\nMost of them stay over winter where the water does not freeze."
)
SHORT = "At lakes and rivers. They eat fish."


@pytest.mark.parametrize(
    ("screen", "size", "mode"), [pytest.param(*one, marks=() if one in _SHORT else pytest.mark.long) for one in ALL]
)
def test_picture(
    screen: str,
    size: str,
    mode: str,
    app: BenchtuiApp,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    snap_compare: Any,
) -> None:
    monkeypatch.setattr("screens.chat.vote.SEEN", 0.0)
    app = app_in(mode, lambda: BenchtuiApp(app.settings), monkeypatch)
    prompts = tuple(f"Where do herons live in {place}? Answer briefly." for place in ("winter", "summer", "spring"))
    session = spoken(tmp_path, prompts * 3, lambda model, _: SHORT if model else LONG)

    async def answered(pilot: Pilot[int]) -> None:
        await settle(pilot)
        await asyncio.sleep(2 * EVERY)
        await settle(pilot)

    async def act(pilot: Pilot[int]) -> None:
        await settle(pilot)
        app.push_screen(VotePage(lambda say: session, ("tuned", "base")))
        await answered(pilot)
        for number in range(2 if screen == "vote" else 9):
            await press(pilot, "0" if number == 4 else "1")
            await answered(pilot)

    assert snap_compare(app, run_before=act, terminal_size=SIZES[size])
