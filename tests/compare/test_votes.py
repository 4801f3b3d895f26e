"""What a blind vote found, counted from the conversation, kept in the chat's folder, and said in words."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from scipy import stats

from benchtui.compare.history.votes import EndedVote
from benchtui.compare.votes import BlindVotes, CountedVote, count_votes, pair_votes, read_votes, votes_file, write_votes
from benchtui.errors import BenchtuiError
from benchtui.evidence.matched_pairs import fewest
from benchtui.reports.chat.votes import votes_lines, votes_record
from benchtui.reports.chat.votes_log import history_markdown
from benchtui.reports.wording.votes import SIGN_TEST_FEWEST, sentence
from benchtui.routing.records import Sampling
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.chat.asked import Choice, Turn, Vote, Write
from benchtui.runs.kinds.chat.conversation import Conversation
from benchtui.runs.kinds.chat.seats import seats

GREEDY = Sampling()
NAMES = ("tuned", "base")


def voted(choices: list[Choice], seed: int = 5, models: int = 2) -> Conversation:
    """A chat in which the choices were made, one prompt each."""
    conversation = Conversation(models, GREEDY)
    for place, choice in enumerate(choices):
        turn = Turn(number=place + 1, text=f"prompt {place}")
        conversation.note_asked(turn)
        answers = []
        for model in seats(seed, models, place):
            number = conversation.next_answer
            conversation.note_asked(Write(number=number, turn=turn.number, model=model, messages=(), sampling=GREEDY))
            answers.append(number)
        conversation.note_asked(Vote(turn=turn.number, first=answers[0], second=answers[1], choice=choice))
    return conversation


def decided(wins: int, losses: int, ties: int = 0) -> BlindVotes:
    """So many votes for the first and the second model, whichever side they were on."""
    votes = [CountedVote(n, n % 2, 1 - n % 2, ("first", "second")[n % 2]) for n in range(wins)]
    votes += [CountedVote(n, n % 2, 1 - n % 2, ("second", "first")[n % 2]) for n in range(losses)]
    votes += [CountedVote(n, 0, 1, "tie") for n in range(ties)]
    return BlindVotes(NAMES, 1, tuple(votes), 0, pair_votes(votes, NAMES))


def test_a_vote_is_for_the_model_on_that_side_whatever_the_side() -> None:
    choices: list[Choice] = []
    for place in range(40):
        first, _ = seats(5, 2, place)
        for_tuned: Choice = "first" if first == 0 else "second"
        for_base: Choice = "second" if first == 0 else "first"
        choices.append("tie" if place % 10 == 9 else for_base if place % 4 == 3 else for_tuned)
    (pair,) = count_votes(voted(choices), NAMES, 5).pairs
    wins, losses = (
        sum(p % 4 != 3 and p % 10 != 9 for p in range(40)),
        sum(p % 4 == 3 and p % 10 != 9 for p in range(40)),
    )
    assert (pair.first, pair.second, pair.wins, pair.losses, pair.ties) == (*NAMES, wins, losses, 4)
    expected = stats.binomtest(wins, wins + losses)
    ends = expected.proportion_ci(0.95, "exact")
    assert pair.p == pytest.approx(expected.pvalue, rel=1e-9)
    assert (pair.interval.low, pair.interval.high) == pytest.approx((ends.low, ends.high), abs=1e-9)


def test_skipped_and_withdrawn_votes_are_not_counted() -> None:
    conversation = voted(["first", "skip", "withdrawn", "second"])
    found = count_votes(conversation, NAMES, 5)
    assert (len(found.votes), found.skipped) == (2, 1)
    conversation.note_asked(Vote(turn=1, first=1, second=2, choice="withdrawn"))
    assert len(count_votes(conversation, NAMES, 5).votes) == 1


def test_another_vote_on_the_same_prompt_replaces_the_first() -> None:
    conversation = voted(["first"])
    conversation.note_asked(Vote(turn=1, first=1, second=2, choice="tie"))
    (pair,) = count_votes(conversation, NAMES, 5).pairs
    assert (pair.ties, pair.decided) == (1, 0)


def test_three_models_are_corrected_for_three_pairs() -> None:
    votes = [CountedVote(n, 0, 1, "first") for n in range(8)]
    votes += [CountedVote(n, 2, 0, "first" if n % 2 else "second") for n in range(8)]
    votes += [CountedVote(n, 1, 2, "second") for n in range(6)]
    pairs = pair_votes(votes, ("a", "b", "c"))
    assert [(pair.first, pair.second, pair.wins, pair.losses) for pair in pairs] == [
        ("a", "b", 8, 0),
        ("a", "c", 4, 4),
        ("b", "c", 0, 6),
    ]
    assert pairs[0].p_holm == pytest.approx(3 * pairs[0].p)
    assert sentence(pairs[0]).startswith("a is preferred to b: a won 8 of 8 (100.0 %, 95 % CI 63.1 to 100.0 %)")
    assert pairs[2].p < 0.05 < pairs[2].p_holm
    assert sentence(pairs[2]).startswith("Inconclusive: c won 6 of 6")
    assert sentence(pairs[2]).endswith("which several pairs show too often by chance.")


@pytest.mark.parametrize(
    ("wins", "losses", "ties", "said"),
    [
        (
            21,
            6,
            3,
            "tuned is preferred to base: tuned won 21 of 27 (77.8 %, 95 % CI 57.7 to 91.4 %), p = 0.006; 3 ties",
        ),
        (6, 21, 0, "base is preferred to tuned: base won 21 of 27 (77.8 %, 95 % CI 57.7 to 91.4 %), p = 0.006."),
        (9, 6, 1, "Inconclusive: tuned won 9 of 15 (60.0 %, 95 % CI 32.3 to 83.7 %), p = 0.61; 1 tie left out."),
        (5, 0, 0, "No evidence: 5 votes that prefer one of tuned and base cannot show a preference; even if all were"),
        (0, 1, 2, "No evidence: 1 vote that prefers one of"),
        (0, 0, 4, "No evidence: no vote prefers one of tuned and base."),
    ],
)
def test_a_preference_is_said_only_where_it_is_shown(wins: int, losses: int, ties: int, said: str) -> None:
    assert sentence(decided(wins, losses, ties).pairs[0]).startswith(said)


def test_the_fewest_votes_are_those_of_the_test() -> None:
    assert fewest() == SIGN_TEST_FEWEST


def test_the_result_is_kept_and_read_again(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "tuned" / "chats" / "2026-11-29T10-00-00")
    assert read_votes(run) is None
    found = count_votes(voted(["first", "tie"]), NAMES, 5, (1,))
    write_votes(run, found)
    assert read_votes(run) == found
    votes_file(run).write_text("{}")
    with pytest.raises(BenchtuiError, match=r"votes\.json cannot be read"):
        read_votes(run)
    for stranger in (len(NAMES), -1):
        write_votes(run, msgspec.structs.replace(found, votes=(CountedVote(1, 0, stranger, "first"),)))
        with pytest.raises(BenchtuiError, match=rf"a vote on models 0 and {stranger} of {len(NAMES)}"):
            read_votes(run)


def test_who_voted_on_after_the_result_was_shown_is_told() -> None:
    conversation = voted(["first"] * 8)
    assert not any("shown before" in line for line in votes_lines(count_votes(conversation, NAMES, 5, (8,))))
    assert any(
        "shown before, at 5 of 8 votes" in line for line in votes_lines(count_votes(conversation, NAMES, 5, (5, 8)))
    )


def test_names_are_never_markup() -> None:
    votes = [CountedVote(1, 0, 1, "first")]
    names = ("a|b\x1b[31m*x*", "<b>")
    found = BlindVotes(names, 1, tuple(votes), 0, pair_votes(votes, names))
    text = history_markdown([EndedVote(RunDirectory(Path("one")), "tuned", "tuned/one", "", found)])
    assert "\x1b" not in text
    assert r"a\|b\*x\*" in text
    assert r"\<b\>" in text
    assert votes_record(found)["pairs"][0]["wins"] == 1
