"""What a chat of the two models has on disk, while it goes on somewhere else."""

from __future__ import annotations

import time
from collections.abc import Callable

from benchtui.routing.records import Sampling
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.chat.conversation import Answer, Conversation, read_conversation
from tests.e2e.chat.scripted import Place


def newest(place: Place) -> RunDirectory:
    return RunDirectory(max((place.model / "chats").iterdir()))


def conversation(run: RunDirectory) -> Conversation:
    return read_conversation(run, 2, Sampling())


def of_turn(run: RunDirectory, text: str) -> list[Answer]:
    """The answers to the message, those of the tuned model first."""
    found = conversation(run)
    answers = [one for one in found.answers.values() if found.turns[one.asked.turn].text == text]
    return sorted(answers, key=lambda one: (one.asked.model, one.number))


def waited(found: Callable[[], bool], seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, "not so in time"
        time.sleep(0.02)
