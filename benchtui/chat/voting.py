"""A blind vote: two answers to each prompt, side by side and unnamed, until the prompts or the votes are all there.

Neither answer is shown before both are over, so that who is faster says nothing; what a model thought before its answer
is not shown at all. The next prompt is asked while one is voted on. Nothing of the result is told before the end.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from benchtui.compare.votes import JUDGED, BlindVotes, count_votes, read_votes, write_votes
from benchtui.errors import UsageError
from benchtui.files import unwritable
from benchtui.plans.chat import Ballot, ChatPlan
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.chat.asked import Choice, Turn, Write
from benchtui.runs.kinds.chat.conversation import Answer, Conversation
from benchtui.runs.kinds.chat.events import ChatUnready
from benchtui.runs.kinds.chat.seats import Pair, seats
from benchtui.runs.kinds.chat.thinking import part
from benchtui.text import one_line

AHEAD = 2
"""Prompts that are asked and not voted on yet, at most: the one that is shown and the next."""


class Session(Protocol):
    """What a vote needs of a chat (benchtui/chat/session.py)."""

    run: RunDirectory
    plan: ChatPlan
    conversation: Conversation

    @property
    def problem(self) -> str: ...

    def poll(self) -> bool: ...
    def say(self, text: str, after: int | None, models: Collection[int] | None = None) -> Turn: ...
    def regenerate(self, turn: int, model: int) -> Write: ...
    def vote(self, turn: int, first: int, second: int, choice: Choice) -> None: ...
    def cancel(self, answer: int | None = None) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Shown:
    """What is voted on: a turn and two answers, `first` the left one."""

    turn: Turn
    first: Answer
    second: Answer
    ends: tuple[str | None, str | None] = (None, None)
    """What their models write at the end of their thinking, where they were told."""

    @property
    def over(self) -> bool:
        """Whether both are whole, and may be shown."""
        return self.first.over and self.second.over

    @property
    def failed(self) -> bool:
        """Whether one of them could not be written: there is nothing to vote on."""
        return "failed" in (self.first.state, self.second.state)

    @property
    def texts(self) -> tuple[str, str]:
        """The answers without what their models thought before."""
        first, second = self.ends
        return part(self.first.text, first).said.strip(), part(self.second.text, second).said.strip()


class Voting:
    """One blind vote. Raises UsageError for a chat that is none, or has one model."""

    def __init__(self, session: Session) -> None:
        plan = session.plan
        if plan.ballot is None:
            raise UsageError(f"{session.run.path.name} is a chat without a vote.", "Begin one with --blind.")
        if len(plan.models) < 2:
            raise UsageError("A vote is between two models at least.", "Name another one, for example base.")
        self.session = session
        self.ballot: Ballot = plan.ballot
        self.labels = tuple(model.label for model in plan.models)
        before = read_votes(session.run)
        self._shown_at = before.shown_at if before is not None else ()

    def poll(self) -> bool:
        """Read what is new, and ask what can be asked. Returns whether anything changed."""
        changed = self.session.poll()
        return self._ask() or changed

    # What is known.

    @property
    def problem(self) -> str:
        """Why the vote cannot continue, "" while it can."""
        unready = [one for one in self._conversation.ready.values() if isinstance(one, ChatUnready)]
        if unready:
            name = one_line(self.labels[unready[0].model], 60)
            said = (one_line(unready[0].what, 400), one_line(unready[0].next_step, 200))
            return f"{name} cannot be asked: {' '.join(filter(None, said))}"
        return self.session.problem

    @property
    def loading(self) -> int:
        """Models that are not there yet."""
        return len(self.labels) - len(self._conversation.ready)

    @property
    def current(self) -> Shown | None:
        """What is voted on now; None where no prompt is asked."""
        for turn in self._open_turns():
            left, right = self._seats(turn.number)
            first, second = (self._conversation.used(turn.number, model) for model in (left, right))
            if first is not None and second is not None:
                prompts = [model.prompts for model in self.session.plan.models]
                return Shown(turn, first, second, (prompts[left].think_end_token, prompts[right].think_end_token))
        return None

    @property
    def voted(self) -> int:
        """Votes that say something: skipped prompts are not counted."""
        return sum(vote.choice in JUDGED for vote in self._conversation.votes.values())

    @property
    def skipped(self) -> int:
        """Prompts that were skipped."""
        return len(self._conversation.votes) - self.voted

    @property
    def wanted(self) -> int | None:
        """How many votes there will be, None where there is no end."""
        left = len(self.ballot.prompts) - self.skipped if self.ballot.prompts else None
        return min((number for number in (left, self.ballot.votes) if number is not None), default=None)

    @property
    def over(self) -> bool:
        """Whether nothing is left to vote on."""
        return self.wanted is not None and self.voted >= self.wanted

    @property
    def wants_prompt(self) -> bool:
        """Whether the voter is to write the next prompt."""
        return not self.ballot.prompts and not self.over and not self._open_turns()

    # What the voter does.

    def ask(self, prompt: str) -> None:
        """Ask what the voter wrote, where the vote has no prompts of its own."""
        self.session.say(prompt, None, self._seats(self._conversation.next_turn))

    def vote(self, choice: Choice) -> None:
        """Vote on the current answers, or skip them. An answer that is not whole, or failed, can be skipped only."""
        shown = self.current
        if shown is None or (choice != "skip" and (not shown.over or shown.failed)):
            return
        self.session.vote(shown.turn.number, shown.first.number, shown.second.number, choice)
        self._ask()

    def undo(self) -> bool:
        """Take the last vote, or skip, back: its prompt is the current one again. Returns whether there was one."""
        last = max(self._conversation.votes.values(), key=lambda vote: vote.turn, default=None)
        if last is None:
            return False
        self.session.vote(last.turn, last.first, last.second, "withdrawn")
        return True

    def end(self) -> BlindVotes:
        """End the vote: stop what is still written, keep the result in the chat's folder, and return it. Raises
        BenchtuiError where it cannot be written."""
        if not self.session.problem:
            self.session.cancel()
        if self.voted and self._shown_at[-1:] != (self.voted,):
            self._shown_at += (self.voted,)
        found = count_votes(self._conversation, self.labels, self.ballot.seed, self._shown_at)
        try:
            write_votes(self.session.run, found)
        except OSError as error:
            raise unwritable(self.session.run.path, error) from None
        return found

    @property
    def _conversation(self) -> Conversation:
        return self.session.conversation

    def _seats(self, turn: int) -> Pair:
        return seats(self.ballot.seed, len(self.labels), turn - 1)

    def _open_turns(self) -> list[Turn]:
        """Turns that are asked and not voted on, in their order."""
        votes = self._conversation.votes
        return [turn for number, turn in sorted(self._conversation.turns.items()) if number not in votes]

    def _ask(self) -> bool:
        """Ask the next prompts, and again what an earlier process did not get an answer to."""
        if self.problem:
            return False
        asked = self._ask_again()
        place = self._conversation.next_turn - 1
        room = min(AHEAD, (self.wanted or 0) - self.voted) - len(self._open_turns())
        for prompt in self.ballot.prompts[place : place + max(room, 0)]:
            self.ask(prompt)
            asked = True
        return asked

    def _ask_again(self) -> bool:
        asked = False
        for turn in self._open_turns():
            for model in self._seats(turn.number):
                answer = self._conversation.used(turn.number, model)
                if answer is None or answer.state == "cancelled":  # killed between two lines; ended before the vote
                    self.session.regenerate(turn.number, model)
                    asked = True
        return asked
