"""What has been said in a chat: folded from what the person did and from what the models did, in any process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from benchtui.routing.records import Sampling
from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import read_events
from benchtui.runs.events import Event, WorkerStarted
from benchtui.runs.kinds.chat.asked import (
    AnyAsked,
    AskedReader,
    Cancel,
    Look,
    Message,
    Settings,
    Turn,
    Use,
    Vote,
    Write,
    asked_file,
)
from benchtui.runs.kinds.chat.events import (
    ChatBegun,
    ChatEnded,
    ChatLooked,
    ChatPiece,
    ChatReady,
    ChatToken,
    ChatUnready,
    Finish,
)

State = Literal["waiting", "reading", "writing"] | Finish
"""Of an answer: not begun, reading the prompt, writing, or why it is over."""


@dataclass
class Answer:
    """One answer of one model: `text` is all of it, what it begins with included; `tokens` those that were written."""

    asked: Write
    text: str
    state: State = "waiting"
    tokens: list[ChatToken] = field(default_factory=list)
    begun: ChatBegun | None = None
    ended: ChatEnded | None = None

    @property
    def number(self) -> int:
        """Its number in the chat."""
        return self.asked.number

    @property
    def over(self) -> bool:
        """Whether nothing more comes."""
        return self.state not in ("waiting", "reading", "writing")


class Conversation:
    """A chat of `models` models up to the last line that was folded into it. Lines that make no sense (a damaged file)
    are left out and counted in `skipped`; nothing is raised for them."""

    def __init__(self, models: int, sampling: Sampling, system: str | None = None) -> None:
        self.models = models
        self.sampling = sampling
        self.system = system
        self.turns: dict[int, Turn] = {}
        self.answers: dict[int, Answer] = {}
        self.votes: dict[int, Vote] = {}
        self.looks: dict[int, Look] = {}
        self.looked: dict[int, list[ChatLooked]] = {}
        self.ready: dict[int, ChatReady | ChatUnready] = {}
        self.skipped = 0
        self._used: dict[tuple[int, int], int] = {}
        self._messages: dict[Message, Message] = {}

    # What is folded into it.

    def note_asked(self, line: AnyAsked) -> None:
        """Fold one thing that the person did."""
        if not self._makes_sense(line):
            self.skipped += 1
            return
        match line:
            case Turn():
                self.turns[line.number] = line
            case Write():
                self.answers[line.number] = Answer(self._with_known_messages(line), line.begin)
                self._used[line.turn, line.model] = line.number
            case Use():
                self._used[line.turn, line.model] = line.answer
            case Settings():
                self.sampling, self.system = line.sampling, line.system
            case Look():
                self.looks[line.number] = line
            case Vote(choice="withdrawn"):
                self.votes.pop(line.turn, None)
            case Vote():
                self.votes[line.turn] = line
            case _:
                pass

    def _with_known_messages(self, line: Write) -> Write:
        """The same line, its messages those of earlier lines: each line has all messages before it, and a long chat
        would be in memory many times."""
        messages = tuple(self._messages.setdefault(message, message) for message in line.messages)
        return msgspec.structs.replace(line, messages=messages)

    def note_event(self, event: Event) -> None:
        """Fold one thing that the worker did; events of other sorts say nothing of the conversation."""
        match event:
            case WorkerStarted():
                self.ready.clear()
            case ChatReady() | ChatUnready():
                self.ready[event.model] = event
            case ChatBegun() if answer := self.answers.get(event.answer):
                answer.begun, answer.ended, answer.state = event, None, "reading"
            case ChatPiece() if answer := self.answers.get(event.answer):
                answer.state = "writing"
                answer.text += event.text
                answer.tokens.extend(event.tokens)
            case ChatEnded() if answer := self.answers.get(event.answer):
                answer.ended, answer.state = event, event.finish
            case ChatLooked():
                self.looked.setdefault(event.look, []).append(event)
            case _:
                pass

    def _makes_sense(self, line: AnyAsked) -> bool:
        match line:
            case Turn():
                return line.number not in self.turns and (line.after is None or line.after in self.turns)
            case Write():
                known = line.turn in self.turns and 0 <= line.model < self.models
                return known and line.number not in self.answers
            case Use():
                return line.turn in self.turns and 0 <= line.model < self.models and line.answer in self.answers
            case Vote():
                return line.turn in self.turns and line.first in self.answers and line.second in self.answers
            case Look():
                return line.answer in self.answers and line.number not in self.looks
            case Cancel():
                return line.answer is None or line.answer in self.answers
            case _:
                return True

    # What is asked of it.

    @property
    def next_turn(self) -> int:
        """The number of a new turn."""
        return max(self.turns, default=0) + 1

    @property
    def next_answer(self) -> int:
        """The number of a new answer."""
        return max(self.answers, default=0) + 1

    @property
    def next_look(self) -> int:
        """The number of a new look."""
        return max(self.looks, default=0) + 1

    def path(self, turn: int | None) -> list[Turn]:
        """Return the turns up to this one, the first of the chat first; () for None."""
        found: list[Turn] = []
        while turn is not None:
            found.append(self.turns[turn])
            turn = self.turns[turn].after
        return found[::-1]

    def following(self, turn: int | None) -> list[Turn]:
        """Return the turns right after this one, the oldest first: more than one are branches."""
        return [one for one in self.turns.values() if one.after == turn]

    def newest_end(self) -> int | None:
        """Return the last turn of the branch that was written to last; None where nothing was said."""
        return max(self.turns, default=None)

    def tries(self, turn: int, model: int) -> list[Answer]:
        """Return all answers of a model to a turn, the oldest first."""
        return [one for one in self.answers.values() if (one.asked.turn, one.asked.model) == (turn, model)]

    def used(self, turn: int, model: int) -> Answer | None:
        """Return the answer that a model is told as its own, which may be another model's; None where there is none."""
        number = self._used.get((turn, model))
        return None if number is None else self.answers.get(number)

    def messages(self, turn: int, model: int) -> tuple[Message, ...]:
        """Return what a model's chat template is given to answer this turn: an answer that is missing or failed with
        nothing written leaves its turn out."""
        *before, last = self.path(turn)
        found = [Message("system", self.system)] if self.system else []
        for one in before:
            answer = self.used(one.number, model)
            if answer is not None and answer.text:
                found += (Message("user", one.text), Message("assistant", answer.text))
        return (*found, Message("user", last.text))

    def open_answers(self) -> Iterator[Answer]:
        """Yield the answers that are not over."""
        return (one for one in self.answers.values() if not one.over)


def folded(
    models: int, sampling: Sampling, system: str | None, lines: Sequence[AnyAsked], events: Sequence[Event]
) -> Conversation:
    """Return the conversation that these lines and events make, each in their order."""
    conversation = Conversation(models, sampling, system)
    for line in lines:
        conversation.note_asked(line)
    for event in events:
        conversation.note_event(event)
    return conversation


def read_conversation(run: RunDirectory, models: int, sampling: Sampling, system: str | None = None) -> Conversation:
    """Return the conversation of a chat as it is on disk. Raises OSError."""
    reader = AskedReader(asked_file(run))
    lines: list[AnyAsked] = []
    while more := reader.read():
        lines += more
    found = folded(models, sampling, system, lines, read_events(run.events))
    found.skipped += reader.skipped
    return found
