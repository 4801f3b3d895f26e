"""A blind vote with real models in a real worker: thirty scripted votes, closed and opened again in the middle."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from scipy import stats

from benchtui.benchmark.resume import ResumeChoice
from benchtui.chat.resume import resume_chat_session
from benchtui.chat.start import start_chat
from benchtui.chat.supervision import chat_settings
from benchtui.chat.voting import Shown, Voting
from benchtui.compare.votes import read_votes
from benchtui.plans.chat_choice import ChatChoice
from benchtui.plans.choice import Choice
from benchtui.plans.plan import Permissions
from benchtui.routing.records import Sampling
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.chat.asked import Choice as Voted
from benchtui.runs.kinds.chat.seats import seats
from tests.worker.tiny_models import Tensors, make_base, rewrite

PROMPTS = tuple(f"prompt {number}" for number in range(30))
PATIENCE = 120.0
TEMPLATE = "{% for m in messages %}{{ m['content'] }}\n{% endfor %}"


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    for layers, name in enumerate(("tuned", "other"), 1):
        made = make_base(tmp_path / "outputs" / name / "merged_16bit", num_hidden_layers=layers)
        (made / "chat_template.jinja").write_text(TEMPLATE)
        rewrite(made, never_ends)
    return tmp_path / "outputs"


def never_ends(tensors: Tensors) -> Tensors:
    """The likeliest token is never the one that ends a text: its logit is 0."""
    tensors["lm_head.weight"][1] = 0
    return tensors


def answered(voting: Voting) -> Shown:
    """What is voted on, once both models have answered it."""
    until = time.monotonic() + PATIENCE
    while (shown := voting.current) is None or not shown.over:
        assert not voting.problem
        assert time.monotonic() < until
        voting.poll()
        time.sleep(0.005)
    return shown


def scripted(voting: Voting, place: int) -> None:
    """Prefer the model of number 0 on two prompts of three, and neither on every seventh."""
    shown = answered(voting)
    assert shown.turn.text == PROMPTS[place]
    left = shown.first.asked.model == 0
    assert (shown.first.asked.model, shown.second.asked.model) == seats(voting.ballot.seed, 2, place)
    choice: Voted = "tie" if place % 7 == 6 else "first" if left == (place % 3 != 2) else "second"
    voting.vote(choice)


@pytest.mark.slow
def test_thirty_scripted_votes_give_the_p_and_interval_of_scipy(outputs: Path) -> None:
    settings = Choice(outputs=outputs, compare=False, offline=True, device="cpu", dtype="float32")
    choice = ChatChoice(settings, ("tuned", "other"), sampling=Sampling(max_new_tokens=6), blind=True, prompts=PROMPTS)
    with start_chat(choice, print) as session:
        voting, run = Voting(session), session.run
        for place in range(17):
            scripted(voting, place)
    assert read_votes(run) is None, "a vote that was not ended tells no result"
    again = ResumeChoice(Permissions(), chat_settings(None))
    with resume_chat_session(RunDirectory(run.path), again, print) as session:
        voting = Voting(session)
        assert (voting.voted, voting.wanted) == (17, 30)
        for place in range(17, 30):
            scripted(voting, place)
        assert voting.over
        (pair,) = voting.end().pairs
    ties = sum(place % 7 == 6 for place in range(30))
    wins = sum(place % 3 != 2 and place % 7 != 6 for place in range(30))
    assert (pair.first, pair.second, pair.wins, pair.losses, pair.ties) == (
        "tuned",
        "other",
        wins,
        30 - ties - wins,
        ties,
    )
    expected = stats.binomtest(wins, 30 - ties)
    ends = expected.proportion_ci(0.95, "exact")
    assert pair.p == pytest.approx(expected.pvalue, rel=1e-9)
    assert (pair.interval.low, pair.interval.high) == pytest.approx((ends.low, ends.high), abs=1e-9)
    talked = session.conversation
    voted_on = [talked.answers[number] for vote in talked.votes.values() for number in (vote.first, vote.second)]
    assert {(one.state, len(one.tokens)) for one in voted_on} == {("length", 6)}, "what was cancelled is asked again"
