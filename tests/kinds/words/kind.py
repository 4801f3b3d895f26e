"""What the machinery is told about a run that counts words."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from benchtui.plans.plan import Plan
from benchtui.runs.events import Event
from benchtui.runs.follow.view import Counts, RowView
from benchtui.runs.kinds.kind import About, Folded, Kind, Working


class WordsPlan(Plan, frozen=True, kw_only=True):
    """`text` is the file; the worker takes `seconds` for each of its lines."""

    kind: Literal["words"] = "words"
    text: str
    seconds: float = 0.0


class Counted(Event, frozen=True, kw_only=True, tag="counted"):
    """So many of all lines were read, and hold so many words."""

    lines: int
    lines_total: int
    words: int


class WordsFold:
    """The last count, as the one row of the display."""

    def __init__(self) -> None:
        self._name = ""
        self._last: Counted | None = None

    @property
    def planned(self) -> bool:
        return self._last is not None

    def know(self, plan: Plan) -> None:
        assert isinstance(plan, WordsPlan)
        self._name = Path(plan.text).name

    def apply(self, event: Event) -> None:
        if isinstance(event, Counted):
            self._last = event

    def begin_attempt(self) -> None: ...

    def view(self) -> Folded:
        if self._last is None:
            return Folded()
        done, total = self._last.lines, self._last.lines_total
        state: Literal["evaluating", "done"] = "done" if done == total else "evaluating"
        row = RowView(
            self._name, state, 1, int(done == total), done, total, done / total, None, None, None, self._last.t, None
        )
        return Folded((row,), Counts(done, total), self._last.words)


def about(plan: WordsPlan) -> About:
    return About("words", plan.model_name, (Path(plan.text).name,))


def working(event: Event) -> Working | None:
    return Working("lines", event.lines, event.lines_total) if isinstance(event, Counted) else None


WORDS = Kind(
    name="words",
    folder="words",
    plan=WordsPlan,
    events=(Counted,),
    fold=WordsFold,
    about=about,
    working=working,
    worker="tests.kinds.words.worker",
)
