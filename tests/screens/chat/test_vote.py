"""A blind vote on the screen: nothing gives a side away before the end, keys vote once, the result names the models."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from benchtui.chat.voting import Voting
from benchtui.compare.votes import read_votes
from benchtui.errors import BenchtuiError
from screens.app import BenchtuiApp
from screens.chat.vote import EVERY, VotePage
from tests.chat.spoken import Says, Spoken, spoken
from tests.screens.conftest import press, settle, shown
from tests.screens.test_hostile import EVIL, harmless

PROMPTS = tuple(f"How deep is pond {number}?" for number in range(8))


@pytest.fixture(autouse=True)
def votes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test has read the answers when they are there."""
    monkeypatch.setattr("screens.chat.vote.SEEN", 0.0)


def says(model: int, prompt: str) -> str:
    return f"{'Very' if model == 0 else 'Not'} deep, that one. ({prompt})"


async def open_vote(pilot: Pilot[int], session: Spoken) -> VotePage:
    page = VotePage(lambda say: session, ("tuned", "base"))
    pilot.app.push_screen(page)
    await answered(pilot)
    return page


async def answered(pilot: Pilot[int]) -> None:
    """Wait until the models have answered, and it is on the screen."""
    await asyncio.sleep(2.5 * EVERY)
    await settle(pilot)


async def vote_for_very(pilot: Pilot[int]) -> None:
    lines = shown(pilot).splitlines()
    line = next(line for line in lines if "Very" in line and "Not" in line)
    await pilot.press("1" if line.index("Very") < line.index("Not") else "2")
    await answered(pilot)


async def test_a_vote_from_the_first_prompt_to_the_result(app: BenchtuiApp, tmp_path: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        session = spoken(tmp_path, PROMPTS, says)
        page = await open_vote(pilot, session)
        for votes in range(7):
            screen = shown(pilot)
            assert f"{votes} of 8 votes" in screen
            assert f"How deep is pond {votes}?" in screen
            await vote_for_very(pilot)
        await press(pilot, "0")
        await answered(pilot)
        screen = shown(pilot)
        assert "tuned is preferred to base: tuned won 7 of 7" in " ".join(screen.split())
        assert "better" in screen
        assert "p = 0.016" in screen
        assert read_votes(session.run) is not None
        await press(pilot, "1", "u")
        assert len(session.conversation.votes) == 8, "the vote is over"
        await press(pilot, "escape")
        assert app.screen is not page
        assert session.closed


async def test_nothing_gives_a_side_away(app: BenchtuiApp, tmp_path: Path) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        session = spoken(tmp_path, PROMPTS, lambda *_: "same words")
        session.slow = {0, 1}
        await open_vote(pilot, session)
        writing = shown(pilot)
        assert "The models are writing" in writing
        session.finish(session.asked[0].number)  # whichever is faster
        await answered(pilot)
        assert shown(pilot) == writing, "an answer that came first can be told from the other"
        session.finish(session.asked[1].number)
        await answered(pilot)
        left, right = (page.region for page in app.screen.query("Side"))
        rows = [row for row in app.screen._compositor.render_strips() if "same words" in row.text]
        assert rows
        styles = [segment.style for segment in rows[0] if "same words" in segment.text]
        assert len(styles) == 2
        assert styles[0] == styles[1], "both sides look the same"
        assert (left.width, left.height) == (right.width, right.height)
        for line in shown(pilot).splitlines()[2:-1]:
            assert "tuned" not in line
            assert "base" not in line


async def test_a_key_that_is_held_votes_once(app: BenchtuiApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        session = spoken(tmp_path, PROMPTS, says)
        await open_vote(pilot, session)
        monkeypatch.setattr("screens.chat.vote.SEEN", 60.0)
        await pilot.press("1", "1", "1")
        assert not session.conversation.votes
        monkeypatch.setattr("screens.chat.vote.SEEN", 0.0)
        await press(pilot, "1")
        assert len(session.conversation.votes) == 1


async def test_skip_undo_end_and_vote_on(app: BenchtuiApp, tmp_path: Path) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        session = spoken(tmp_path, PROMPTS, says)
        await open_vote(pilot, session)
        await press(pilot, "s")
        await answered(pilot)
        assert "0 of 7 votes, 1 skipped" in shown(pilot)
        await vote_for_very(pilot)
        assert "1 of 7 votes, 1 skipped" in shown(pilot)
        await press(pilot, "u")
        await answered(pilot)
        assert "0 of 7 votes, 1 skipped" in shown(pilot)
        assert "pond 1" in shown(pilot)
        await vote_for_very(pilot)
        await press(pilot, "escape")
        assert "End the vote?" in shown(pilot)
        await press(pilot, "n")
        assert "Which answer is better?" in shown(pilot)
        await press(pilot, "escape", "y")
        assert "No evidence: 1 vote that prefers one of tuned and base" in shown(pilot)
        await press(pilot, "v")
        await answered(pilot)
        await vote_for_very(pilot)
        await press(pilot, "escape", "y")
        assert "The result was shown before, at 1 of 2 votes" in " ".join(shown(pilot).split())


async def test_the_voter_writes_prompts_where_there_is_no_file(app: BenchtuiApp, tmp_path: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        session = spoken(tmp_path, (), says)
        await open_vote(pilot, session)
        await press(pilot, *"12", "enter")
        await answered(pilot)
        assert "deep, that one. (12)" in shown(pilot)
        await vote_for_very(pilot)
        assert "1 vote" in shown(pilot)
        assert "Write a prompt" in shown(pilot)


async def test_hostile_text_stays_text(app: BenchtuiApp, tmp_path: Path) -> None:
    evil: Says = lambda model, prompt: EVIL  # noqa: E731
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        session = spoken(tmp_path, (EVIL, "second"), evil)
        await open_vote(pilot, session)
        assert "[bold red]evil[/]" in shown(pilot)
        harmless(shown(pilot))
        await press(pilot, "1")
        await answered(pilot)
        await press(pilot, "escape", "y")
        harmless(shown(pilot))


async def test_what_goes_wrong_is_said(app: BenchtuiApp, tmp_path: Path) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        session = spoken(tmp_path, PROMPTS, says)
        session.failing = {0}
        await open_vote(pilot, session)
        assert "An answer could not be written: s skips this prompt." in shown(pilot)
        session.unready(1)
        await answered(pilot)
        assert "base cannot be asked: It has no weights. Copy them." in shown(pilot)

        def begin(say: object) -> Spoken:
            raise BenchtuiError("There is no such model.", "Name another one.")

        app.push_screen(VotePage(begin, ("tuned", "base")))
        await answered(pilot)
        assert "There is no such model." in shown(pilot)
        assert "Starting" not in shown(pilot)


async def test_a_page_that_is_left_while_its_vote_begins_ends_it(app: BenchtuiApp, tmp_path: Path) -> None:
    session, begun = spoken(tmp_path, PROMPTS, says), threading.Event()

    def begin(say: Callable[[str], None]) -> Spoken:
        begun.wait(20)
        say("Its weights are others than before.")
        return session

    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.push_screen(VotePage(begin, ("tuned", "base")))
        await answered(pilot)
        await press(pilot, "escape")
        assert not isinstance(app.screen, VotePage)
        begun.set()
        await answered(pilot)
        assert session.closed


async def test_the_history_of_a_model_has_its_votes(app: BenchtuiApp, tmp_path: Path) -> None:
    session = spoken(tmp_path, PROMPTS, says)
    voting = Voting(session)
    while not voting.over:
        voting.poll()
        voting.poll()
        assert voting.current is not None
        voting.vote("first" if voting.current.texts[0].startswith("Very") else "second")
    voting.end()
    async with app.run_test(size=(120, 30)) as pilot:
        await settle(pilot)
        app.open_history(tmp_path / "outputs" / "tuned")
        await settle(pilot)
        assert "blind vote: tuned | base" in shown(pilot)
        assert "tuned is preferred to base" in shown(pilot)
        await press(pilot, "enter")
        screen = shown(pilot)
        assert "tuned won 8 of 8 (100.0 %, 95 % CI 63.1 to 100.0 %), p = 0.008." in screen
        assert "How deep is pond 7?" in screen
        assert "benchtui chat --resume tuned/chats/2026-11-29T10-00-00 opens it." in screen
