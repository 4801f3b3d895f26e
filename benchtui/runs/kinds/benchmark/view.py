"""What is known of a benchmark at one moment besides what is known of every run: its leaf tasks, with their scores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from benchtui.runs.answer_health import TaskHealth
from benchtui.runs.follow.view import Counts, RunView, TaskState
from benchtui.runs.live_score import LiveScore


@dataclass(frozen=True, slots=True)
class TaskView:
    """One leaf task. `requests_total` is 0 until its prompts are built; scores have the primary one first."""

    name: str
    group: str
    state: TaskState
    documents: int
    documents_total: int
    requests: int
    requests_total: int
    tokens_per_second: float
    scores: tuple[LiveScore, ...]
    began: float | None
    seconds: float | None
    """How long it took from when it began, once it is done."""
    health: TaskHealth | None = None

    @property
    def work(self) -> float:
        """Documents' worth of answered requests: moves also while documents are half answered."""
        if not self.requests_total:
            return float(self.documents)
        return self.documents_total * min(self.requests / self.requests_total, 1.0)

    @property
    def over(self) -> bool:
        return self.state in ("done", "partial")


def counts(tasks: Iterable[TaskView]) -> Counts:
    """Over all tasks of a run: the one place where displays, records and lists have their numbers from."""
    found = list(tasks)
    pairs = [(task.documents, task.documents_total) for task in found]
    requests = sum(task.requests_total for task in found)
    return Counts(sum(done for done, _ in pairs), sum(total for _, total in pairs), requests)


@dataclass(frozen=True, slots=True)
class BenchmarkView:
    """The leaf tasks, in the order in which they were planned."""

    tasks: tuple[TaskView, ...]


def leaf_tasks(view: RunView) -> tuple[TaskView, ...]:
    """The leaf tasks of a benchmark; none for a run of another kind."""
    return view.own.tasks if isinstance(view.own, BenchmarkView) else ()
