"""The keys of a chat's page: tokens, prompt, settings, a file, a test of one's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from benchtui.runs.kinds.chat.conversation import Answer
from screens.app import BenchtuiApp
from screens.chat.beside.keys import Beside
from screens.chat.beside.prompt import PromptPage
from screens.chat.beside.settings import ChatSettings
from screens.chat.beside.token_view import ChatTokens
from screens.chat.chat import ChatPage
from screens.chat.talk import Talk
from tests.screens.chat.made_chat import MadeTalk, two_answers
from tests.screens.chat.made_session import MadeSession
from tests.screens.conftest import press, settle, shown
from tests.screens.test_hostile import EVIL, harmless


class Looked(Beside):
    """A page that looks at one answer of a chat."""

    def __init__(self, talk: MadeTalk, answer: int) -> None:
        super().__init__()
        self._talk, self._answer = talk, answer

    @property
    def beside_chat(self) -> Talk:
        return self._talk

    @property
    def beside_answer(self) -> Answer | None:
        return self._talk.conversation.answers.get(self._answer)

    @property
    def beside_end(self) -> int | None:
        return self._talk.conversation.newest_end()


async def _open(pilot: Pilot[int], talk: MadeTalk, answer: int = 1) -> None:
    await settle(pilot)
    pilot.app.push_screen(Looked(talk, answer))
    await settle(pilot)


async def _enter(pilot: Pilot[int], text: str) -> None:
    pilot.app.screen.query_one(Input).value = text
    await press(pilot, "enter")


def _told(app: BenchtuiApp) -> str:
    """What was told last, in passing."""
    return [one.message for one in app._notifications][-1]


async def test_each_key_opens_its_page(app: BenchtuiApp, tmp_path: Path) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await _open(pilot, two_answers(tmp_path))
        for key, page in (("t", ChatTokens), ("p", PromptPage), ("s", ChatSettings)):
            await press(pilot, key)
            assert isinstance(app.screen, page)
            await press(pilot, "escape")
            assert isinstance(app.screen, Looked)


async def test_the_keys_are_those_of_the_answer_under_the_cursor(app: BenchtuiApp, tmp_path: Path) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        session = MadeSession(tmp_path)
        session.say("Where do herons live?", None)
        for number in (1, 2):
            session.write(number, f"Answer {number}.")
            session.finish(number)
        session.poll()
        app.push_screen(ChatPage(lambda _: session, ["base", "tuned"]))
        await settle(pilot)
        await press(pilot, "tab", "right", "t")
        assert "tuned  turn 1" in shown(pilot)
        assert "Answer 2." in shown(pilot)
        await press(pilot, "escape", "p")
        assert "tuned  turn 1" in shown(pilot)
        await press(pilot, "escape", "s")
        app.screen.query_one("#temperature", Input).value = "0.5"
        await press(pilot, "ctrl+s")
        assert session.conversation.sampling.temperature == 0.5
        assert "temperature 0.5" in shown(pilot)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("talk.md", "Herons live at the sea."),
        ("talk.html", "<h2>Turn 1</h2>"),
        ("talk.jsonl", '"content": "Where do herons live?"'),
    ],
)
async def test_the_branch_is_written_as_the_ending_says(
    app: BenchtuiApp, tmp_path: Path, name: str, words: str
) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await _open(pilot, two_answers(tmp_path))
        await press(pilot, "x")
        assert "chat-2026-11-21T00-30-00.html" in shown(pilot)
        await _enter(pilot, name)
        assert words in (tmp_path / name).read_text()
        assert _told(app) == f"Written: {name}"


async def test_a_file_is_replaced_only_when_that_is_said(app: BenchtuiApp, tmp_path: Path) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await _open(pilot, two_answers(tmp_path))
        (tmp_path / "mine.md").write_text("mine")
        await press(pilot, "x")
        await _enter(pilot, "mine.md")
        assert "mine.md is there already." in shown(pilot)
        await press(pilot, "n")
        assert (tmp_path / "mine.md").read_text() == "mine"
        await press(pilot, "x")
        await _enter(pilot, "mine.md")
        await press(pilot, "y")
        assert "Herons" in (tmp_path / "mine.md").read_text()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("talk.txt", "has no ending of these"),
        ("nowhere.md/x.md", "cannot"),
        ("~nobody-of-this-name/x.txt", "has no ending of these"),
    ],
)
async def test_why_nothing_is_written_is_said(app: BenchtuiApp, tmp_path: Path, name: str, words: str) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await _open(pilot, two_answers(tmp_path))
        (tmp_path / "nowhere.md").write_text("a file, no folder")
        await press(pilot, "x")
        await _enter(pilot, name)
        assert words in shown(pilot)


async def test_an_answer_is_kept_as_a_test(app: BenchtuiApp, tmp_path: Path) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        talk = MadeTalk(tmp_path)
        first = talk.say("Where do herons live?")
        talk.answer(first, 0, "<think>\nBirds.\n</think>\n\nAt the lake.\nAnd the sea.")
        second = talk.say("What do they eat?")
        talk.answer(second, 0, "Fish.")
        file = tmp_path / "tasks" / "kept.jsonl"
        await _open(pilot, talk, 1)
        await press(pilot, "a", "enter")
        assert _told(app) == f"Kept as row 1: {file}\nbenchtui run --data {file}"
        app.pop_screen()
        await _open(pilot, talk, 2)
        await press(pilot, "a")
        await _enter(pilot, "Fish and frogs.")
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        assert rows[0]["question"] == "Where do herons live?"
        assert rows[0]["answer"] == "At the lake.\nAnd the sea.", "all of it, without the thinking"
        asked = ("User: Where do herons live?", "Assistant: At the lake.\nAnd the sea.", "User: What do they eat?")
        assert rows[1]["question"] == "\n\n".join([*asked, "Assistant:"])
        assert rows[1]["answer"] == "Fish and frogs."
        assert all(row["wrong"] == [] for row in rows)
        await press(pilot, "a")
        await _enter(pilot, "Fish and frogs.")
        assert "It is there already" in _told(app)


async def test_hostile_answers_are_harmless(app: BenchtuiApp, tmp_path: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        talk = MadeTalk(tmp_path, (EVIL, "tuned"))
        talk.answer(talk.say(EVIL), 0, EVIL)
        await _open(pilot, talk)
        for keys in (("a",), ("enter",), ("x",), ("enter",)):
            await press(pilot, *keys)
            harmless(shown(pilot))
        assert len(list(tmp_path.glob("chat-*.html"))) == 1
