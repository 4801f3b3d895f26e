"""The end of a chat: what is being written ends first."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchtui.routing.records import Sampling
from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import read_events
from benchtui.runs.events import Results
from benchtui.runs.kinds.chat.events import ChatEnded, ChatPiece
from tests.e2e.tiny import make_tiny_model
from tests.worker.chat.talks import Talk, chat_plan

pytestmark = pytest.mark.slow


def test_an_answer_that_is_being_written_ends_before_the_run_does(tmp_path: Path) -> None:
    plan = chat_plan(tmp_path, {"one": make_tiny_model(tmp_path / "one", chat_template=True)})
    run = RunDirectory(tmp_path / "m" / "chats" / "one")
    with Talk(run, plan) as talk:
        turn = talk.say("the lazy dog")
        number = talk.ask(turn, sampling=Sampling(temperature=1.0, seed=3, max_new_tokens=400))
        behind = talk.ask(turn, sampling=Sampling(temperature=1.0, seed=3, max_new_tokens=400))
        talk.until(lambda: len(talk.conversation.answers[number].tokens) > 5)
    events = list(read_events(run.events))
    end = next(place for place, event in enumerate(events) if isinstance(event, Results))
    assert not any(isinstance(event, ChatPiece | ChatEnded) for event in events[end:])
    ended = {event.answer: event.finish for event in events if isinstance(event, ChatEnded)}
    assert ended == {number: "cancelled", behind: "cancelled"}
