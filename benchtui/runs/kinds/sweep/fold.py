"""What is known of a sweep while it is made: a row for each task."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from benchtui.plans.plan import Plan
from benchtui.runs.events import Event
from benchtui.runs.follow.view import Counts, RowView, TaskState, count
from benchtui.runs.kinds.kind import Folded
from benchtui.runs.kinds.sweep.events import SweepPlanned, Swept

Stage = Literal["small", "large", "thresholds", "texts"]
SMALL: Final = "small"
LARGE: Final = "large"
THRESHOLDS: Final = "thresholds"
TEXTS: Final = "texts"
"""Stages: one pass of either model, texts of the small one from which quantiles are taken, texts of all thresholds."""
MOST_TASKS = 10_000


@dataclass
class _Task:
    documents: int
    stages: tuple[str, ...]
    done: dict[str, tuple[int, int]] = field(default_factory=dict)

    def row(self, name: str, at: float) -> RowView:
        done, total = self.done.get(self.stages[-1], (0, self.documents)) if self.stages else (0, 0)
        shares = [self._share(stage) for stage in self.stages]
        share = sum(shares) / len(shares) if shares else 0.0
        state: TaskState = "done" if share >= 1 else "evaluating" if share > 0 else "waiting"
        return RowView(name, state, 1, int(state == "done"), min(done, total), total, share, None, None, None, at, None)

    def _share(self, stage: str) -> float:
        done, total = self.done.get(stage, (0, self.documents))
        return min(done / total, 1.0) if total else 0.0


@dataclass
class SweepFold:
    """Keeps the newest of each task's stages; what is done stays done when another worker starts."""

    _tasks: dict[str, _Task] = field(default_factory=dict)
    _at: float = 0.0

    @property
    def planned(self) -> bool:
        """Whether the worker has said what there is to do."""
        return bool(self._tasks)

    def know(self, plan: Plan) -> None:
        """A plan does not say how many documents its tasks have."""

    def apply(self, event: Event) -> None:
        """Note what one event says."""
        self._at = event.t
        if isinstance(event, SweepPlanned):
            for task in event.tasks:
                known = self._tasks.get(task.name)
                if known is not None or len(self._tasks) < MOST_TASKS:
                    self._tasks[task.name] = _Task(count(task.documents), task.stages, known.done if known else {})
        elif isinstance(event, Swept) and event.task in self._tasks:
            swept = self._tasks[event.task]
            if event.stage in swept.stages:
                swept.done[event.stage] = (count(event.documents), count(event.documents_total))

    def begin_attempt(self) -> None:
        """Nothing is lost: what the journal holds is not computed again."""

    def view(self) -> Folded:
        """What is known now."""
        rows = tuple(task.row(name, self._at) for name, task in self._tasks.items())
        return Folded(rows, Counts(sum(row.documents for row in rows), sum(row.documents_total for row in rows)))
