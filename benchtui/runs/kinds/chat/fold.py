"""What is known of a chat while it goes on: a row of answers, and how far each model is with loading."""

from __future__ import annotations

from dataclasses import dataclass, field

from benchtui.plans.chat import ChatPlan
from benchtui.plans.plan import Plan
from benchtui.runs.events import Event
from benchtui.runs.follow.view import Counts, RowView, TaskState
from benchtui.runs.kinds.chat.events import ChatBegun, ChatEnded, ChatReady, ChatUnready
from benchtui.runs.kinds.kind import Folded

ANSWERS = "answers"
"""The name of the row."""


@dataclass
class ChatFold:
    """Counts answers that were begun and that are over."""

    _models: int = 0
    _ready: set[int] = field(default_factory=set)
    _begun: set[int] = field(default_factory=set)
    _over: set[int] = field(default_factory=set)
    _at: float = 0.0

    @property
    def planned(self) -> bool:
        """Whether a model is there, or cannot be."""
        return bool(self._ready)

    def know(self, plan: Plan) -> None:
        """Keep how many models there are."""
        if isinstance(plan, ChatPlan):
            self._models = len(plan.models)

    def apply(self, event: Event) -> None:
        """Note what one event says."""
        self._at = event.t
        if isinstance(event, ChatReady | ChatUnready):
            self._ready.add(event.model)
        elif isinstance(event, ChatBegun):
            self._begun.add(event.answer)
            self._over.discard(event.answer)
        elif isinstance(event, ChatEnded):
            self._begun.add(event.answer)
            self._over.add(event.answer)

    def begin_attempt(self) -> None:
        """The models are loaded again; what was said stays."""
        self._ready.clear()

    def view(self) -> Folded:
        """What is known now."""
        done, total = len(self._over), len(self._begun)
        state: TaskState = "done" if total and done == total else "evaluating" if total else "waiting"
        share = done / total if total else 0.0
        row = RowView(ANSWERS, state, 1, int(state == "done"), done, total, share, None, None, None, self._at, None)
        return Folded((row,), Counts(done, total))
