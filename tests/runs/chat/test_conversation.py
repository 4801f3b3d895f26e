"""A conversation folded from its files: branches, tries, answers of others, and lines that make no sense."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.errors import BenchtuiError
from benchtui.plans.chat import ChatPlan
from benchtui.plans.plan import write_plan
from benchtui.routing.records import Sampling
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import EventWriter
from benchtui.runs.kinds.chat import asked
from benchtui.runs.kinds.chat.asked import (
    AnyAsked,
    AskedReader,
    AskedWriter,
    Cancel,
    Close,
    Message,
    Turn,
    Use,
    Vote,
    Write,
)
from benchtui.runs.kinds.chat.conversation import Conversation, read_conversation
from benchtui.runs.kinds.chat.events import ChatBegun, ChatEnded, ChatPiece, ChatToken

GREEDY = Sampling()


def write(number: int, turn: int, model: int, conversation: Conversation) -> Write:
    return Write(number=number, turn=turn, model=model, messages=conversation.messages(turn, model), sampling=GREEDY)


def answered(conversation: Conversation, number: int, turn: int, model: int, text: str) -> None:
    """A whole answer, in two pieces."""
    conversation.note_asked(write(number, turn, model, conversation))
    conversation.note_event(ChatBegun(answer=number, prompt=3, cached=0))
    conversation.note_event(ChatPiece(answer=number, text=text[:1]))
    conversation.note_event(ChatPiece(answer=number, text=text[1:]))
    conversation.note_event(ChatEnded(answer=number, finish="end"))


@pytest.fixture
def talked() -> Conversation:
    """Two turns with two models."""
    conversation = Conversation(2, GREEDY, "Be brief.")
    conversation.note_asked(Turn(number=1, text="Hello"))
    answered(conversation, 1, 1, 0, "Hi.")
    answered(conversation, 2, 1, 1, "Good day.")
    conversation.note_asked(Turn(number=2, after=1, text="Who are you?"))
    return conversation


def said(conversation: Conversation, turn: int, model: int) -> list[str]:
    return [f"{message.role}: {message.content}" for message in conversation.messages(turn, model)]


def test_each_model_is_told_its_own_answers(talked: Conversation) -> None:
    assert said(talked, 2, 0) == ["system: Be brief.", "user: Hello", "assistant: Hi.", "user: Who are you?"]
    assert said(talked, 2, 1) == ["system: Be brief.", "user: Hello", "assistant: Good day.", "user: Who are you?"]


def test_a_model_may_be_told_the_other_ones_answer(talked: Conversation) -> None:
    talked.note_asked(Use(turn=1, model=0, answer=2))
    assert said(talked, 2, 0)[2] == "assistant: Good day."
    assert said(talked, 2, 1)[2] == "assistant: Good day."


def test_an_edited_message_is_a_branch_beside_the_first_one(talked: Conversation) -> None:
    talked.note_asked(Turn(number=3, text="Good evening"))
    assert [turn.text for turn in talked.following(None)] == ["Hello", "Good evening"]
    assert said(talked, 3, 0) == ["system: Be brief.", "user: Good evening"]
    assert [turn.number for turn in talked.path(2)] == [1, 2]


def test_the_newest_try_counts_until_another_is_chosen(talked: Conversation) -> None:
    answered(talked, 3, 1, 0, "Hey.")
    assert said(talked, 2, 0)[2] == "assistant: Hey."
    talked.note_asked(Use(turn=1, model=0, answer=1))
    assert said(talked, 2, 0)[2] == "assistant: Hi."
    assert [one.text for one in talked.tries(1, 0)] == ["Hi.", "Hey."]


def test_a_turn_without_an_answer_is_left_out_of_what_follows(talked: Conversation) -> None:
    talked.note_asked(write(3, 2, 0, talked))
    talked.note_event(ChatEnded(answer=3, finish="failed", what="Memory ran out."))
    talked.note_asked(Turn(number=3, after=2, text="Still there?"))
    assert said(talked, 3, 0)[1:] == ["user: Hello", "assistant: Hi.", "user: Still there?"]


def test_what_makes_no_sense_is_counted_and_left_out(talked: Conversation) -> None:
    senseless: list[AnyAsked] = [
        Turn(number=1, text="again"),
        Turn(number=7, after=99, text="after nothing"),
        Write(number=1, turn=1, model=0, messages=(), sampling=GREEDY),
        Write(number=9, turn=1, model=5, messages=(), sampling=GREEDY),
        Use(turn=1, model=0, answer=77),
        Vote(turn=1, first=1, second=77, choice="tie"),
    ]
    for line in senseless:
        talked.note_asked(line)
    talked.note_event(ChatPiece(answer=55, text="of nobody"))
    assert (talked.skipped, len(talked.turns), len(talked.answers)) == (len(senseless), 2, 2)


def test_the_files_give_the_same_conversation_also_behind_a_torn_line(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "chat")
    write_plan(run.plan_file, ChatPlan(model_name="m", bench_id="b", created="2026-11-29T08:00:00", models=()))
    writer = AskedWriter(asked.asked_file(run))
    writer.write(Turn(number=1, text="Grüße\n\x1b[31m"))
    writer.write(Write(number=1, turn=1, model=0, messages=(Message("user", "Grüße"),), sampling=GREEDY))
    writer.close()
    with asked.asked_file(run).open("ab") as file:
        file.write(b'{"asked": "turn", "number": 2, "te')  # killed while it wrote
    events = EventWriter(run.events)
    events.emit(ChatPiece(answer=1, text="Hal", tokens=(ChatToken(5, "Hal", -0.5, 1.0),)))
    resumed = AskedWriter(asked.asked_file(run))
    resumed.write(Turn(number=2, after=1, text="Weiter"))
    found = read_conversation(run, 1, GREEDY)
    assert [turn.text for turn in found.turns.values()] == ["Grüße\n\x1b[31m", "Weiter"]
    assert (found.answers[1].text, found.answers[1].state, found.answers[1].tokens[0].logprob) == (
        "Hal",
        "writing",
        -0.5,
    )
    assert found.skipped == 1


def test_a_reader_waits_for_the_end_of_a_line(tmp_path: Path) -> None:
    path = tmp_path / "asked.jsonl"
    line = msgspec.json.encode(Turn(number=1, text="Hello")) + b"\n"
    path.write_bytes(line[:9])
    reader = AskedReader(path)
    assert reader.read() == []
    path.write_bytes(line)
    assert reader.read() == [Turn(number=1, text="Hello")]


@pytest.mark.parametrize("damage", [b"x" * 70, b"x" * 70 + b"\n", b"x\n" * 50], ids=["torn", "whole", "many"])
def test_what_is_said_after_a_damaged_part_without_end_is_read(
    tmp_path: Path, damage: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked, "_AT_ONCE", 40)
    monkeypatch.setattr(asked, "LONGEST_LINE", 40)
    path = tmp_path / "asked.jsonl"
    path.write_bytes(b'{"asked":"cancel"}\n' + damage)
    reader = AskedReader(path)
    assert reader.read() == [Cancel()]
    assert reader.read() == []
    with path.open("ab") as file:
        file.write(b"" if damage.endswith(b"\n") else b"\n")
        file.write(b'{"asked":"close"}\n')
    assert reader.read() == [Close()]
    assert reader.skipped == (50 if len(damage) == 100 else 1)


def test_a_line_that_no_file_should_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchtuiError, match="Begin a new one"):
        AskedWriter(tmp_path / "asked.jsonl").write(Turn(number=1, text="x" * asked.LONGEST_LINE))


@given(st.lists(st.integers(-1, 6), min_size=1, max_size=8), st.data())
def test_every_turn_is_told_the_turns_before_it_and_no_others(after: list[int], data: st.DataObject) -> None:
    conversation = Conversation(1, GREEDY)
    for number, place in enumerate(after, 1):
        before = None if place < 1 or place >= number else place
        conversation.note_asked(Turn(number=number, after=before, text=f"t{number}"))
        answered(conversation, number, number, 0, f"a{number}")
    turn = data.draw(st.sampled_from(sorted(conversation.turns)))
    expected, at = list[str](), conversation.turns[turn].after
    while at is not None:
        expected = [f"user: t{at}", f"assistant: a{at}", *expected]
        at = conversation.turns[at].after
    assert said(conversation, turn, 0) == [*expected, f"user: t{turn}"]


def test_messages_are_in_memory_once_however_many_answers_have_them(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    write_plan(run.plan_file, ChatPlan(model_name="m", bench_id="b", created="2026-11-29T08:00:00", models=()))
    writer = AskedWriter(asked.asked_file(run))
    writer.write(Turn(number=1, text="Hello"))
    for number in (1, 2):
        writer.write(Write(number=number, turn=1, model=0, messages=(Message("user", "Hello"),), sampling=GREEDY))
    first, second = read_conversation(run, 1, GREEDY).answers.values()
    assert first.asked.messages[0] is second.asked.messages[0]
