"""The page of a chat, and where models are chosen, as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from benchtui.runs.kinds.chat.events import ChatBegun, ChatUnready
from screens.app import BenchtuiApp
from screens.chat.chat import ChatPage
from screens.settings import Settings
from tests.screens.chat.made_session import MadeSession
from tests.screens.chat.test_page import answer_all, drawn, keys
from tests.screens.conftest import NOW, Open, app_in, press, settle
from tests.screens.test_pictures import MODES, SIZES

ALL = [(screen, size, mode) for screen in ("chat", "four", "choose") for size in SIZES for mode in MODES]
_SHORT = [("chat", "80x24", "dark"), ("chat", "80x24", "no-colour"), ("four", "120x36", "light")]
LINES = "Herons live at the lake.\n\n    def heron():\n        return [bold]'fish'[/bold]"


@pytest.mark.parametrize(
    ("screen", "size", "mode"), [pytest.param(*one, marks=() if one in _SHORT else pytest.mark.long) for one in ALL]
)
def test_picture(
    screen: str,
    size: str,
    mode: str,
    open_app: Open,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    snap_compare: Any,
) -> None:
    app = app_in(
        mode, lambda: open_app() if screen == "choose" else BenchtuiApp(Settings(clock=lambda: NOW)), monkeypatch
    )

    async def act(pilot: Pilot[int]) -> None:
        await settle(pilot)
        if screen == "choose":
            await press(pilot, "c")
        else:
            await talk(pilot, ("base", "tuned") if screen == "chat" else ("base", "sft", "dpo", "served"))

    async def talk(pilot: Pilot[int], labels: tuple[str, ...]) -> None:
        session = MadeSession(tmp_path / "made", labels)
        app.push_screen(ChatPage(lambda _: session, labels))
        await drawn(pilot)
        first = session.say("Where do herons live?", None)
        page = app.screen
        assert isinstance(page, ChatPage)
        page.end = first.number
        answer_all(session, "<think>They wade.</think>Herons live at the lake.", *[LINES] * (len(labels) - 1))
        await drawn(pilot)
        page.end = session.edit(first.number, "And what do herons eat?").number
        one, two, *others = [answer.number for answer in session.conversation.open_answers()]
        session.note(ChatBegun(answer=one, prompt=512, cached=471))
        session.write(two, "They eat fish and fro")
        for other in others:
            session.finish(other, finish="failed", what="The server cannot be reached.", next_step="Start it.")
        if others:
            session.note(ChatUnready(model=3, what="The server cannot be reached.", next_step="Start it."))
        await keys(pilot, "tab")

    assert snap_compare(app, run_before=act, terminal_size=SIZES[size])
