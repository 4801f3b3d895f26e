"""The page of a chat where something goes wrong: it says so, and loses nothing that was written."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from benchtui.chat.session import ChatSession
from benchtui.errors import BenchtuiError
from screens.app import BenchtuiApp
from screens.chat.chat import ChatPage
from screens.chat.composer import Composer
from screens.settings import Settings
from tests.screens.chat.made_session import MadeSession
from tests.screens.chat.test_page import answer_all, drawn, keys, opened, say
from tests.screens.conftest import settle, shown


async def test_a_chat_that_does_not_begin_or_ends_says_why(tmp_path: Path) -> None:
    session = MadeSession(tmp_path)
    async with opened(session) as pilot:
        session.worker.ended = True
        session.worker.problem = BenchtuiError("The worker has ended three times.", "Look at its log.")
        await drawn(pilot)
        assert "ended three times" in shown(pilot)
        await say(pilot, "keep this")
        assert pilot.app.screen.query_one(Composer).text == "keep this"

    def fails(_: object) -> MadeSession:
        raise BenchtuiError("There is no model a.", "Type benchtui models.")

    app = BenchtuiApp(Settings())
    async with app.run_test(size=(100, 30)) as pilot:
        app.push_screen(ChatPage(fails, ["a"]))
        await drawn(pilot)
        assert "There is no model a." in shown(pilot)


async def test_a_page_that_is_left_while_its_chat_begins_ends_it(tmp_path: Path) -> None:
    session, begun = MadeSession(tmp_path), threading.Event()

    def begin(say: Callable[[str], None]) -> MadeSession:
        say("Its weights are others than before.")
        begun.wait(20)
        return session

    app = BenchtuiApp(Settings())
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        app.push_screen(ChatPage(begin, ["base", "tuned"]))
        await drawn(pilot)
        assert "Its weights are others than before." in shown(pilot)
        await keys(pilot, "escape")
        assert not isinstance(app.screen, ChatPage)
        begun.set()
        await settle(pilot)
        assert session.worker.ended


async def test_what_cannot_be_written_yet_is_said_and_asked_when_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = MadeSession(tmp_path)
    async with opened(session) as pilot:
        await say(pilot, "one")
        await say(pilot, "two")  # asked when the first is answered
        full = BenchtuiError("The chat cannot be written: No space left on device.", "Free space.")

        def fails(line: object) -> None:
            raise full

        with monkeypatch.context() as patched:
            patched.setattr(session._channel, "write", fails)
            answer_all(session, "a", "b")
            await drawn(pilot)
            assert "No space left on device" in shown(pilot)
        await drawn(pilot)
        assert len(session.conversation.answers) == 4


async def test_a_page_can_be_left_before_its_worker_hears_that_it_is_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MadeSession, "cancel", ChatSession.cancel)
    session = MadeSession(tmp_path, loaded=False)
    async with opened(session) as pilot:
        await say(pilot, "one")
        await keys(pilot, "escape")
        assert session.unfinished
        assert isinstance(pilot.app.screen, ChatPage)
        await keys(pilot, "escape", "escape")
        assert not isinstance(pilot.app.screen, ChatPage)
