"""What the page of a chat shows at one moment, from the conversation."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Sequence

from benchtui.plans.chat import ChatPlan
from benchtui.reports.wording.chat import ready_parts
from benchtui.runs.kinds.chat.asked import Turn
from benchtui.runs.kinds.chat.conversation import Answer, Conversation
from benchtui.runs.kinds.chat.events import ChatReady, ChatUnready
from benchtui.text import one_line
from screens.chat.boxes import Shown

RATE_OVER = 2.0
"""Seconds over which the speed of writing is measured."""


class Rates:
    """How fast each open answer is being written."""

    def __init__(self) -> None:
        self._seen: dict[int, deque[tuple[float, int]]] = {}

    def note(self, conversation: Conversation, now: float) -> None:
        """Look at what is being written; `now` in seconds."""
        going = {answer.number: len(answer.tokens) for answer in conversation.open_answers() if answer.tokens}
        self._seen = {number: seen for number, seen in self._seen.items() if number in going}
        for number, tokens in going.items():
            seen = self._seen.setdefault(number, deque())
            seen.append((now, tokens))
            while len(seen) > 2 and seen[1][0] <= now - RATE_OVER:
                seen.popleft()

    def rate(self, answer: Answer) -> float | None:
        """Tokens a second; None before there are two looks half a second apart."""
        seen = self._seen.get(answer.number)
        if not seen or (seconds := seen[-1][0] - seen[0][0]) < 0.5:
            return None
        return (seen[-1][1] - seen[0][1]) / seconds


class Scene:
    """The conversation as it is drawn: what is written more of an answer is seen in it, for whatever else changes a new
    one is made. `path` are the turns that are shown."""

    def __init__(
        self,
        conversation: Conversation,
        labels: Sequence[str],
        rates: Rates,
        unfolded: Collection[int],
        path: Sequence[Turn],
    ) -> None:
        self.path = path
        self._conversation, self._labels = conversation, labels
        self._rates, self._unfolded = rates, unfolded
        self._ends: list[str | None] = [None] * len(labels)
        self._waiting: Collection[tuple[int, int]] = ()
        self._end: int | None = None
        self._size = len(conversation.turns), len(conversation.answers)
        self._open: set[int] = set()
        self._tries: dict[tuple[int, int], list[int]] = defaultdict(list)
        self._branches: dict[int | None, list[int]] = defaultdict(list)
        for answer in conversation.answers.values():
            self._tries[answer.asked.turn, answer.asked.model].append(answer.number)
        for turn in conversation.turns.values():
            self._branches[turn.after].append(turn.number)

    def know(self, end: int | None, waiting: Collection[tuple[int, int]], plan: ChatPlan | None) -> None:
        """Keep the last turn, which models are yet to be asked which turns, and how each marks the end of its
        thinking."""
        self._end, self._waiting = end, waiting
        if plan is not None:
            self._ends = [model.prompts.think_end_token for model in plan.models]

    def is_of(self, end: int | None, waiting: Collection[tuple[int, int]]) -> bool:
        """Whether nothing has changed but what is written of answers."""
        size = len(self._conversation.turns), len(self._conversation.answers)
        return (self._end, self._waiting, self._size) == (end, waiting, size)

    def first_open(self) -> int:
        """The place of the first turn of which something may have been written since the last call."""
        now = {answer.asked.turn for answer in self._conversation.open_answers()}
        seen, self._open = now | self._open, now
        return next((place for place, turn in enumerate(self.path) if turn.number in seen), len(self.path))

    def answer(self, turn: Turn, model: int) -> tuple[Shown | None, str]:
        """What is shown of a model's answer to a turn, or why there is none."""
        used = self._conversation.used(turn.number, model)
        if used is None:
            asked_later = (turn.number, model) in self._waiting
            return None, "asked when the answer before is over" if asked_later else "not asked"
        tries = self._tries[turn.number, model]
        other = used.asked.model != model
        number = 1 if other else tries.index(used.number) + 1
        return Shown(
            used,
            number,
            1 if other else len(tries),
            self._labels[used.asked.model] if other else "",
            self._rates.rate(used),
            used.number in self._unfolded,
            self._ends[used.asked.model],
        ), ""

    def heading(self, turn: Turn) -> str:
        """What stands above a message."""
        branches = self._branches[turn.after]
        if len(branches) < 2:
            return "You"
        return f"You · branch {branches.index(turn.number) + 1} of {len(branches)} ([ and ])"

    def head(self, model: int, waited: float | None) -> tuple[str, str, bool]:
        """The name and state of a model, and whether it is a problem; `waited` seconds since the chat was begun, None
        where it was not."""
        name = one_line(self._labels[model], 80)
        ready = self._conversation.ready.get(model)
        if isinstance(ready, ChatUnready):
            return name, f"✗ {one_line(ready.what, 200)}", True
        if not isinstance(ready, ChatReady):
            return name, "not loaded" if waited is None else f"loading … {waited:,.0f} s", False
        return name, " · ".join(ready_parts(ready, tuple(self._labels))), False


def newest_below(conversation: Conversation, turn: int) -> int:
    """Return the last turn of the branch through this one that was written to last."""
    for number in sorted(conversation.turns, reverse=True):
        if any(one.number == turn for one in conversation.path(number)):
            return number
    return turn


def beside(conversation: Conversation, turn: Turn, by: int) -> Turn | None:
    """Return the branch beside a turn; None where there is none."""
    branches = conversation.following(turn.after)
    place = branches.index(turn) + by
    return branches[place] if 0 <= place < len(branches) else None
