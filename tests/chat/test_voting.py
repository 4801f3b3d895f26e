"""A blind vote from the first prompt to the result: sides, skipping, taking back, crash and resume."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from scipy import stats

from benchtui.chat.voting import AHEAD, Shown, Voting
from benchtui.compare.votes import read_votes
from benchtui.errors import UsageError
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.chat.asked import Choice
from tests.chat.spoken import Spoken, plan_of, spoken

PROMPTS = tuple(f"Prompt {number}" for number in range(30))


def says(model: int, prompt: str) -> str:
    return f"{'good' if model == 0 else 'poor'} answer to {prompt}"


def answered(voting: Voting) -> Shown:
    """What is voted on, once it is answered."""
    voting.poll()  # asks
    voting.poll()  # and the models have answered
    assert voting.current is not None
    return voting.current


def prefers_good(voting: Voting, shown: Shown) -> None:
    """Vote for the better text, whichever side it is on; every fifth time wrongly, every seventh for neither."""
    left, right = shown.texts
    assert {left.split()[0], right.split()[0]} == {"good", "poor"}
    number = shown.turn.number
    good_left = left.startswith("good") != (number % 5 == 0)
    voting.vote("tie" if number % 7 == 0 else "first" if good_left else "second")


def test_thirty_votes_give_the_p_and_the_interval_of_scipy(tmp_path: Path) -> None:
    session = spoken(tmp_path, PROMPTS, says)
    voting = Voting(session)
    sides: Counter[bool] = Counter()
    while not voting.over:
        shown = answered(voting)
        sides[shown.texts[0].startswith("good")] += 1
        prefers_good(voting, shown)
    assert min(sides.values()) > 5, "a model that is always left is not blind"
    found = voting.end()
    ties = sum(number % 7 == 0 for number in range(1, 31))
    losses = sum(number % 5 == 0 and number % 7 != 0 for number in range(1, 31))
    wins = 30 - ties - losses
    (pair,) = found.pairs
    assert (pair.first, pair.second, pair.wins, pair.losses, pair.ties) == ("tuned", "base", wins, losses, ties)
    expected = stats.binomtest(wins, wins + losses)
    ends = expected.proportion_ci(0.95, "exact")
    assert pair.p == pytest.approx(expected.pvalue, rel=1e-9)
    assert (pair.interval.low, pair.interval.high) == pytest.approx((ends.low, ends.high), abs=1e-9)
    assert read_votes(session.run) == found
    assert found.shown_before == ()


def test_nothing_of_an_answer_is_shown_before_both_are_over(tmp_path: Path) -> None:
    session = spoken(tmp_path, PROMPTS, says)
    session.slow = {0}
    voting = Voting(session)
    shown = answered(voting)
    assert not shown.over
    voting.vote("first")
    assert voting.voted == 0, "a vote on half an answer"
    session.slow = set()
    voting.poll()
    assert shown.over
    voting.vote("first")
    assert voting.voted == 1


def test_the_next_prompt_is_asked_while_one_is_voted_on_and_no_more(tmp_path: Path) -> None:
    session = spoken(tmp_path, PROMPTS, says, votes=3)
    voting = Voting(session)
    for votes in range(3):
        voting.poll()
        voting.poll()
        assert len({write.turn for write in session.asked}) == min(votes + AHEAD, 3)
        voting.vote("tie")
    voting.poll()
    assert voting.over
    assert len({write.turn for write in session.asked}) == 3


def test_a_skipped_prompt_is_replaced_by_another_one_until_the_votes_are_there(tmp_path: Path) -> None:
    session = spoken(tmp_path, PROMPTS[:4], says, votes=3)
    voting = Voting(session)
    answered(voting)
    voting.vote("skip")
    while not voting.over:
        answered(voting)
        voting.vote("second")
    assert (voting.voted, voting.skipped, voting.wanted) == (3, 1, 3)
    assert voting.end().skipped == 1


def test_votes_are_taken_back_one_after_another(tmp_path: Path) -> None:
    voting = Voting(spoken(tmp_path, PROMPTS, says))
    choices: tuple[Choice, ...] = ("first", "skip", "second")
    for choice in choices:
        answered(voting)
        voting.vote(choice)
    shown = []
    while voting.undo():
        assert voting.current is not None
        shown.append(voting.current.turn.text)
    assert shown == ["Prompt 2", "Prompt 1", "Prompt 0"]
    assert (voting.voted, voting.skipped) == (0, 0)


def test_a_failed_answer_can_be_skipped_and_not_voted_on(tmp_path: Path) -> None:
    session = spoken(tmp_path, PROMPTS, says)
    session.failing = {1}
    voting = Voting(session)
    assert answered(voting).failed
    voting.vote("first")
    assert voting.voted == 0
    voting.vote("skip")
    assert voting.skipped == 1


def test_a_vote_that_was_killed_continues_with_the_same_sides(tmp_path: Path) -> None:
    whole, killed = spoken(tmp_path / "a", PROMPTS[:8], says), spoken(tmp_path / "b", PROMPTS[:8], says)
    first, second = Voting(whole), Voting(killed)
    shown: list[tuple[str, str]] = []
    while not first.over:
        shown.append(answered(first).texts)
        first.vote("first")
    again: list[tuple[str, str]] = []
    while not second.over:  # a new process for each vote
        second.poll()
        second = Voting(Spoken(killed.run, killed.plan, says))
        again.append(answered(second).texts)
        second.vote("first")
    assert again == shown
    assert second.end() == first.end()


def test_a_vote_that_was_ended_and_continued_says_when_the_result_was_shown(tmp_path: Path) -> None:
    session = spoken(tmp_path, PROMPTS[:6], says)
    voting = Voting(session)
    for _ in range(2):
        answered(voting)
        voting.vote("first")
    voting.poll()  # the next ones are asked, and cancelled at the end
    assert voting.end().shown_at == (2,)
    voting = Voting(Spoken(session.run, session.plan, says))
    while not voting.over:
        answered(voting)
        voting.vote("first")
    found = voting.end()
    assert (found.shown_at, found.shown_before, len(found.votes)) == ((2, 6), (2,), 6)
    assert Voting(Spoken(session.run, session.plan, says)).end() == found, "shown again, nothing was voted on"


def test_three_models_are_asked_in_pairs_in_balanced_order(tmp_path: Path) -> None:
    session = spoken(tmp_path, PROMPTS[:9], says=lambda model, _: f"model {model}", models=3)
    voting = Voting(session)
    while not voting.over:
        left, right = answered(voting).texts
        voting.vote("first" if left < right else "second")
    assert len(session.asked) == 18, "two answers to a prompt, not three"
    assert [(pair.first, pair.second, pair.wins, pair.losses) for pair in voting.end().pairs] == [
        ("tuned", "base", 3, 0),
        ("tuned", "third", 3, 0),
        ("base", "third", 3, 0),
    ]


def test_thinking_is_not_shown(tmp_path: Path) -> None:
    voting = Voting(
        spoken(tmp_path, PROMPTS, lambda model, _: "<think>I am the tuned one</think>Hi" if model else "Ho")
    )
    assert sorted(answered(voting).texts) == ["Hi", "Ho"]


def test_a_voter_writes_the_prompts_where_there_are_none(tmp_path: Path) -> None:
    voting = Voting(spoken(tmp_path, (), says, votes=2))
    for number in range(2):
        voting.poll()
        assert voting.wants_prompt
        assert voting.current is None
        voting.ask(f"Mine {number}")
        voting.poll()
        assert not voting.wants_prompt
        voting.vote("tie")
    assert voting.over
    assert not voting.wants_prompt


def test_a_model_that_cannot_be_asked_ends_the_vote_in_words(tmp_path: Path) -> None:
    session = spoken(tmp_path, PROMPTS, says)
    session.unready(1)
    voting = Voting(session)
    voting.poll()
    assert voting.problem == "base cannot be asked: It has no weights. Copy them."
    assert not session.asked


def test_a_chat_without_a_vote_and_one_model_are_refused(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "tuned" / "chats" / "2026-11-29T10-00-00")
    with pytest.raises(UsageError, match="a chat without a vote"):
        Voting(Spoken(run, plan_of(("a", "b"), None), says))
    with pytest.raises(UsageError, match="between two models"):
        Voting(spoken(tmp_path, PROMPTS, says, models=1))
