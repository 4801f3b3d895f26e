"""The pages beside a chat as pictures."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from screens.app import BenchtuiApp
from screens.chat.beside.prompt import PromptPage
from screens.chat.beside.settings import ask_settings
from screens.chat.beside.token_view import EVERY, ChatTokens
from tests.screens.chat.made_chat import MadeTalk, two_answers
from tests.screens.conftest import app_in, press, settle
from tests.screens.test_pictures import MODES, SIZES

SCREENS = ("tokens", "four", "prompt", "settings")
ALL = [(screen, size, mode) for screen in SCREENS for size in SIZES for mode in MODES]
_SHORT = [("tokens", "80x24", "dark"), ("tokens", "120x36", "light"), ("tokens", "80x24", "no-colour")]
_SHORT += [("settings", "80x24", "dark")]
PROMPT = (
    "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhere do herons live?<|im_end|>\n"
    "<|im_start|>assistant\n"
)


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
    app = app_in(mode, lambda: BenchtuiApp(app.settings), monkeypatch)

    async def act(pilot: Pilot[int]) -> None:
        await settle(pilot)
        if screen == "four":
            talk = MadeTalk(tmp_path, ("base", "sft", "dpo", "served"))
            talk.answer(talk.say("Where do herons live?"), 1, "Herons live at the lake. They eat fish.")
        else:
            talk = two_answers(tmp_path)
        if screen in ("tokens", "four"):
            app.push_screen(ChatTokens(talk, 1))
            await settle(pilot)
            await asyncio.sleep(2 * EVERY)
            await settle(pilot)
            await press(pilot, "m", "w")
        elif screen == "prompt":
            file = talk.run.path / "chat" / "prompts" / "1.txt"
            file.parent.mkdir(parents=True)
            file.write_text(PROMPT)
            app.push_screen(PromptPage(talk, 1))
        else:
            app.push_screen(PromptPage(talk, 1))
            await settle(pilot)
            ask_settings(app.screen, talk)  # type: ignore[arg-type]
        await settle(pilot)

    assert snap_compare(app, run_before=act, terminal_size=SIZES[size])
