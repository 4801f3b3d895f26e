"""An open chat without a worker: what the person does is asked in the right order, and refused in words."""

from __future__ import annotations

import math
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchtui.errors import BenchtuiError, UsageError
from benchtui.routing.records import Sampling
from benchtui.runs.events import WorkerStarted
from benchtui.runs.kinds.chat.asked import Write, asked_file
from benchtui.runs.kinds.chat.events import ChatUnready
from tests.chat.opened import Talk


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Talk]:
    found = Talk(tmp_path)
    yield found
    found.session.close()


def said(line: Write) -> list[str]:
    return [message.content for message in line.messages]


def test_what_is_said_is_asked_of_every_model_while_they_load(talk: Talk) -> None:
    turn = talk.session.say("Hello", None)
    assert [(line.number, line.turn, line.model) for line in talk.writes] == [(1, turn.number, 0), (2, turn.number, 1)]


def test_a_model_that_has_not_answered_is_asked_the_next_turn_when_it_has(talk: Talk) -> None:
    talk.ready(0, 1)
    first = talk.session.say("Hello", None)
    talk.answer(1, "Hi.")
    talk.answer(2, "Good", over=False)
    second = talk.session.say("Who are you?", first.number)
    assert [line.model for line in talk.writes[2:]] == [0]
    assert talk.session.waiting == ((second.number, 1),)
    with pytest.raises(UsageError, match="still being written"):
        talk.session.regenerate(second.number, 1)
    talk.answer(2, " day.")
    assert said(talk.writes[3]) == ["Hello", "Good day.", "Who are you?"]
    assert not talk.session.waiting


def test_turns_that_wait_are_asked_in_their_order(talk: Talk) -> None:
    talk.ready(0, 1)
    first = talk.session.say("One", None)
    second = talk.session.say("Two", first.number)
    talk.session.say("Three", second.number)
    assert len(talk.writes) == 2
    talk.answer(1, "1.")
    assert [said(line) for line in talk.writes[2:]] == [["One", "1.", "Two"]]
    talk.answer(3, "2.")
    assert said(talk.writes[-1]) == ["One", "1.", "Two", "2.", "Three"]


def test_a_model_that_cannot_be_asked_is_left_out(talk: Talk) -> None:
    talk.events.emit(ChatUnready(model=1, what="B does not fit into memory.", next_step="Use a smaller one."))
    talk.ready(0)
    turn = talk.session.say("Hello", None)
    assert [line.model for line in talk.writes] == [0]
    with pytest.raises(UsageError, match="does not fit"):
        talk.session.regenerate(turn.number, 1)


def test_a_worker_that_is_started_again_may_load_what_another_could_not(talk: Talk) -> None:
    talk.events.emit(ChatUnready(model=1, what="B does not fit into memory."))
    talk.events.emit(WorkerStarted(pid=1, attempt=2))
    talk.ready(0)
    talk.session.say("Hello", None)
    assert [line.model for line in talk.writes] == [0, 1]


def test_tries_are_drawn_with_seeds_of_their_own(talk: Talk) -> None:
    turn = talk.session.say("Hello", None)
    talk.answer(1, "Hi.")
    again = talk.session.regenerate(turn.number, 0)
    assert (talk.writes[0].sampling.seed, again.sampling.seed) == (5, 6)
    talk.session.change(Sampling(), None)
    assert talk.session.regenerate(turn.number, 0).sampling == Sampling()


def test_an_edited_message_is_a_branch(talk: Talk) -> None:
    first = talk.session.say("Hello", None)
    talk.answer(1, "Hi.")
    talk.answer(2, "Hi!")
    second = talk.session.say("More", first.number)
    edited = talk.session.edit(second.number, "Less")
    assert edited.after == first.number
    assert said(talk.writes[-1]) == ["Hello", "Hi!", "Less"]


def test_an_answer_is_continued_by_its_model_and_by_the_other(talk: Talk) -> None:
    turn = talk.session.say("Hello", None)
    talk.answer(1, "Good", over=False)
    with pytest.raises(UsageError, match="still being written"):
        talk.session.go_on(1)
    talk.answer(1, " day")
    own = talk.session.go_on(1)
    assert (own.model, own.begin, own.goes_on, own.turn) == (0, "Good day", 1, turn.number)
    other = talk.session.go_on(1, 1)
    assert (other.model, other.begin, other.goes_on) == (1, "Good day", 1)
    assert talk.session.conversation.answers[other.number].text == "Good day"


def test_what_makes_no_sense_is_refused(talk: Talk) -> None:
    session = talk.session
    turn = session.say("Hello", None)
    other = session.say("Bye", None)
    for attempt in (
        lambda: session.say("  ", None),
        lambda: session.say("Hello", 99),
        lambda: session.edit(99, "Hello"),
        lambda: session.regenerate(turn.number, 7),
        lambda: session.use(turn.number, 0, 99),
        lambda: session.use(other.number, 0, 1),
        lambda: session.vote(turn.number, 1, 3, "first"),
        lambda: session.cancel(99),
        lambda: session.look(99),
        lambda: session.change(Sampling(temperature=-1), None),
        lambda: session.change(Sampling(temperature=math.nan), None),
        lambda: session.change(Sampling(max_new_tokens=0), None),
    ):
        before = asked_file(talk.run).read_bytes()
        with pytest.raises(UsageError):
            attempt()
        assert asked_file(talk.run).read_bytes() == before


def test_half_a_character_from_a_terminal_is_no_crash(talk: Talk) -> None:
    assert talk.session.say("a\udce9b", None).text == "a\N{REPLACEMENT CHARACTER}b"


def test_what_is_on_disk_is_the_chat_for_whoever_opens_it_next(talk: Talk) -> None:
    turn = talk.session.say("Hello", None)
    talk.answer(1, "Hi.")
    talk.answer(2, "Hey.")
    talk.session.vote(turn.number, 1, 2, "second")
    talk.session.use(turn.number, 0, 2)
    talk.session.change(Sampling(seed=9), "Be brief.")
    talk.session.close()
    with pytest.raises(UsageError, match="closed"):
        talk.session.say("More", turn.number)
    again = talk.open()
    assert [answer.text for answer in again.conversation.answers.values()] == ["Hi.", "Hey."]
    assert again.conversation.votes[turn.number].choice == "second"
    assert (again.conversation.sampling.seed, again.conversation.system) == (9, "Be brief.")
    assert [message.content for message in again.say("More", turn.number) and talk.writes[2].messages] == [
        "Be brief.", "Hello", "Hey.", "More",
    ]  # fmt: skip
    again.close()


def test_a_full_disk_is_said_and_costs_nothing_that_was_written(talk: Talk) -> None:
    turn = talk.session.say("Hello", None)
    talk.answer(1, "Hi.")
    talk.answer(2, "Hey.")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (asked_file(talk.run).stat().st_size + 50, hard))
    try:
        with pytest.raises(BenchtuiError, match="cannot be written"):
            talk.session.say("More, much more than there is room for, " * 10, turn.number)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(talk.session.conversation.turns) == [turn.number]
    again = talk.session.say("Less", turn.number)
    assert said(talk.writes[2]) == ["Hello", "Hi.", "Less"]
    talk.session.close()
    assert [one.text for one in talk.open().conversation.path(again.number)] == ["Hello", "Less"]


def test_what_a_killed_chat_had_not_come_to_ask_is_asked_when_it_is_opened_again(talk: Talk) -> None:
    talk.events.emit(ChatUnready(model=1, what="B does not fit into memory."))
    talk.ready(0)
    first = talk.session.say("One", None)
    second = talk.session.say("Two", first.number)
    talk.session.say("Three", second.number)
    assert [said(line) for line in talk.writes] == [["One"]]
    talk.session.close()
    again = talk.open()
    again.ask_missing()
    assert again.waiting == ((2, 0), (3, 0))
    assert [(line.model, said(line)) for line in talk.writes[1:]] == [(1, ["Three"])], "what B never answered is past"
    again.close()


def test_a_chat_in_which_nothing_was_said_leaves_nothing(talk: Talk) -> None:
    talk.session.change(Sampling(), "Be brief.")
    talk.session.close()
    assert not talk.run.path.exists()


def test_two_people_cannot_write_into_one_chat(talk: Talk) -> None:
    with pytest.raises(BenchtuiError, match="is open already, by process"):
        talk.open()
