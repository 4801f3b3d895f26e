"""The page of a chat: what one writes, what the models answer, and every key that acts on it."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from benchtui.runs.kinds.chat.events import ChatBegun, ChatUnready
from screens.app import BenchtuiApp
from screens.chat.chat import ChatPage
from screens.chat.composer import Composer
from screens.settings import Settings
from tests.screens.chat.made_session import MadeSession
from tests.screens.conftest import settle, shown, type_in
from tests.screens.test_hostile import EVIL, MARKUP, harmless

Typed = Callable[[], str]


@asynccontextmanager
async def opened(
    session: MadeSession, size: tuple[int, int] = (100, 30), now: Callable[[], float] = lambda: 100.0
) -> AsyncIterator[Pilot[int]]:
    labels = [model.label for model in session.plan.models]
    app = BenchtuiApp(Settings(clock=now))
    async with app.run_test(size=size) as pilot:
        app.push_screen(ChatPage(lambda _: session, labels))
        await drawn(pilot)
        yield pilot


async def drawn(pilot: Pilot[int]) -> None:
    """Until the page has looked again, and is drawn."""
    await pilot.pause(0.1)
    await pilot.pause()


async def keys(pilot: Pilot[int], *names: str) -> str:
    for name in names:
        await pilot.press(name)
    await drawn(pilot)
    return shown(pilot)


async def say(pilot: Pilot[int], text: str) -> str:
    await type_in(pilot, text)
    return await keys(pilot, "enter")


def answer_all(session: MadeSession, *texts: str) -> None:
    for answer, text in zip(list(session.conversation.open_answers()), texts, strict=True):
        session.write(answer.number, text)
        session.finish(answer.number)


async def test_both_answer_beside_each_other_and_say_how_it_went(tmp_path: Path) -> None:
    session = MadeSession(tmp_path)
    async with opened(session) as pilot:
        assert "waits for the model" in await say(pilot, "hello")
        one, two = session.conversation.open_answers()
        session.note(ChatBegun(answer=one.number, prompt=512, cached=471))
        session.write(two.number, "Good day")
        await drawn(pilot)
        screen = shown(pilot)
        assert "reading 41 of 512 tokens" in screen
        assert "Good day" in screen
        answer_all(session, "Herons live here.", " to you.")
        await drawn(pilot)
        row = next(row for row in shown(pilot).splitlines() if "Herons live here." in row)
        assert "Good day to you." in row
        assert "4 tokens · 1.0 tokens/s · first 0.31 s ·" in shown(pilot)
        assert "complete" in shown(pilot)


async def test_enter_does_not_overtake_what_is_typed_fast(tmp_path: Path) -> None:
    session = MadeSession(tmp_path)
    async with opened(session) as pilot:
        for key in ("h", "e", "l", "l", "o", "enter", "m", "o", "r", "e"):
            pilot.app.simulate_key(key)
        await drawn(pilot)
        assert [turn.text for turn in session.conversation.turns.values()] == ["hello"]
        assert pilot.app.screen.query_one(Composer).text == "more"


async def test_what_is_written_while_models_load_is_answered_in_order(tmp_path: Path) -> None:
    session = MadeSession(tmp_path, loaded=False)
    begun = threading.Event()

    def begin(_: object) -> MadeSession:
        begun.wait(20)
        return session

    app = BenchtuiApp(Settings())
    async with app.run_test(size=(100, 30)) as pilot:
        app.push_screen(ChatPage(begin, ["base", "tuned"]))  # type: ignore[arg-type]
        await drawn(pilot)
        await keys(pilot, "o", "n", "e", "enter", "t", "w", "o", "enter")
        screen = shown(pilot)
        assert "loading" in screen
        assert "2 messages sent when the chat has begun" in screen
        begun.set()
        await settle(pilot)
        assert [turn.text for turn in session.conversation.turns.values()] == ["one", "two"]
        assert [answer.asked.turn for answer in session.conversation.answers.values()] == [1, 1]
        assert "asked when the answer" in shown(pilot)
        session.load(0, window=2048)
        session.write(1, "a")
        session.finish(1)
        await drawn(pilot)
        assert [answer.asked.turn for answer in session.conversation.answers.values()] == [1, 1, 2]
        assert "window 2,048" in shown(pilot)
        assert "sent when" not in shown(pilot)


async def test_escape_stops_what_is_written_and_then_leaves(tmp_path: Path) -> None:
    session = MadeSession(tmp_path)
    async with opened(session) as pilot:
        await say(pilot, "one")
        await say(pilot, "two")
        assert "cancelled" in await keys(pilot, "escape")
        assert not session.unfinished
        await keys(pilot, "escape", "escape")
        assert not isinstance(pilot.app.screen, ChatPage)
    assert session.worker.ended


async def test_edit_makes_a_branch_and_brackets_switch(tmp_path: Path) -> None:
    session = MadeSession(tmp_path)
    async with opened(session) as pilot:
        await say(pilot, "one")
        answer_all(session, "first answer", "first of b")
        await drawn(pilot)
        await keys(pilot, "tab", "e")
        await type_in(pilot, "x")
        assert "branch 2 of 2" in await keys(pilot, "enter")
        assert session.conversation.turns[2].text == "onex"
        answer_all(session, "second answer", "b")
        await drawn(pilot)
        screen = await keys(pilot, "tab", "left_square_bracket")
        assert "first answer" in screen
        assert "second answer" not in screen
        assert "second answer" in await keys(pilot, "right_square_bracket")


async def test_tries_continuations_and_the_answer_of_another(tmp_path: Path) -> None:
    session = MadeSession(tmp_path)
    async with opened(session) as pilot:
        await say(pilot, "one")
        answer_all(session, "first try", "of b")
        await drawn(pilot)
        assert "try 2 of 2" in await keys(pilot, "tab", "r")
        answer_all(session, "second try")
        assert "first try" in await keys(pilot, "less_than_sign")
        used = session.conversation.used(1, 0)
        assert used is not None
        assert used.text == "first try"
        await keys(pilot, "g")
        answer_all(session, " goes further")
        await drawn(pilot)
        assert "first try goes further" in shown(pilot)
        assert "first try goes furth" in await keys(pilot, "o"), "the other model continues it"
        answer_all(session, " by b")
        await drawn(pilot)
        used = session.conversation.used(1, 1)
        assert used is not None
        assert (used.asked.model, used.text) == (1, "first try goes further by b")
        assert "written by tuned" in await keys(pilot, "u")


async def test_thinking_is_folded(tmp_path: Path) -> None:
    session = MadeSession(tmp_path)
    async with opened(session) as pilot:
        await say(pilot, "one")
        answer_all(session, "<think>\nI wonder.\n</think>\n\nYes.", "No.")
        await drawn(pilot)
        screen = shown(pilot)
        assert "▸ thought: 2 words" in screen
        assert "I wonder." not in screen
        assert "I wonder." in await keys(pilot, "tab", "f")
        await pilot.click("#chat", offset=(6, 5))
        await drawn(pilot)
        assert "I wonder." not in shown(pilot)


async def test_text_of_models_is_only_text(tmp_path: Path) -> None:
    session = MadeSession(tmp_path, ("base", f"{MARKUP} \x1b[2J"))
    async with opened(session, (160, 40)) as pilot:
        await say(pilot, "one")
        one, two = (answer.number for answer in session.conversation.open_answers())
        for place in range(0, len(EVIL), 3):  # an escape code may come in pieces
            session.write(one, EVIL[place : place + 3])
            await pilot.pause(0.04)
            harmless(shown(pilot))
        session.note(ChatUnready(model=1, what=EVIL, next_step=EVIL))
        session.finish(two, finish="failed", what=EVIL, next_step=EVIL)
        await drawn(pilot)
        screen = shown(pilot)
        harmless(screen)
        assert "[bold red]evil[/] [@click=app.quit]x[/] red" in screen
        assert "🔥" in screen
        assert "failed" in screen


async def test_the_cursor_stays_while_more_is_written(tmp_path: Path) -> None:
    session = MadeSession(tmp_path)
    async with opened(session) as pilot:
        await say(pilot, "one")
        answer_all(session, "a", "b")
        await drawn(pilot)
        await say(pilot, "two")
        await keys(pilot, "tab", "up")
        page = pilot.app.screen
        assert isinstance(page, ChatPage)
        for _ in range(30):
            session.write(3, "another line\n")
        await drawn(pilot)
        assert page.view.turn == 0
        assert page.view.at_end, "what is written stays in sight"
        await keys(pilot, "pageup")
        session.write(3, "more\n")
        await drawn(pilot)
        assert not page.view.at_end, "but not against the will of whoever looks elsewhere"


async def test_columns_that_have_no_room_are_a_key_away(tmp_path: Path) -> None:
    session = MadeSession(tmp_path, ("m-one", "m-two", "m-three", "m-four"))
    async with opened(session, (80, 24)) as pilot:
        await say(pilot, "one")
        answer_all(session, "alpha", "beta", "gamma", "delta")
        screen = await keys(pilot, "tab")
        assert "alpha" in screen
        assert "beta" in screen
        assert "gamma" not in screen
        assert "2 →" in screen
        assert "delta" in await keys(pilot, "4")
        await pilot.resize_terminal(160, 40)
        await drawn(pilot)
        row = next(row for row in shown(pilot).splitlines() if "alpha" in row)
        assert all(word in row for word in ("beta", "gamma", "delta"))
        await pilot.resize_terminal(40, 12)
        await drawn(pilot)
        assert "delta" in shown(pilot)


async def test_earlier_messages_come_back_and_new_lines_stay(tmp_path: Path) -> None:
    session = MadeSession(tmp_path)
    async with opened(session) as pilot:
        await say(pilot, "one")
        answer_all(session, "a", "b")
        await drawn(pilot)
        await keys(pilot, "x", "ctrl+j", "y", "enter")
        assert session.conversation.turns[2].text == "x\ny"
        composer = pilot.app.screen.query_one(Composer)
        await keys(pilot, "up")
        assert composer.text == "x\ny"
        await keys(pilot, "up", "up")
        assert composer.text == "one"
        await keys(pilot, "down", "down", "down")
        assert composer.text == ""
