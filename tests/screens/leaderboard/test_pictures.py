"""The leaderboard as pictures: at 80×24, 120×36 and 200×50, dark, light, without colours, and in the colours for
colour-blind people."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from tests.screens.conftest import app_in, press
from tests.screens.leaderboard.conftest import Board, to_board
from tests.screens.test_pictures import MODES, SAFE

SIZES = {"80x24": (80, 24), "120x36": (120, 36), "200x50": (200, 50)}
KEYS = {"board": (), "grouped": ("left", "left", "left", "o", "space", "down")}
ALL = [("board", size, mode) for size in SIZES for mode in (*MODES, *SAFE)]
ALL += [("grouped", size, "dark") for size in SIZES]
_SHORT = [one for one in ALL if one[2] == "dark" and one[0] == "board"] + [("board", "80x24", "no-colour")]


@pytest.mark.parametrize(
    ("screen", "size", "mode"), [pytest.param(*one, marks=() if one in _SHORT else pytest.mark.long) for one in ALL]
)
def test_picture(
    screen: str, size: str, mode: str, open_board: Board, monkeypatch: pytest.MonkeyPatch, snap_compare: Any
) -> None:
    app = app_in(mode, lambda: open_board(), monkeypatch)

    async def act(pilot: Pilot[int]) -> None:
        await to_board(pilot)
        await press(pilot, *KEYS[screen])

    assert snap_compare(app, run_before=act, terminal_size=SIZES[size])
