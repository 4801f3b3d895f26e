"""What is known of a benchmark at one moment besides what is known of every run: its leaf tasks, with their scores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchtui.routing.answers import RoutedFacts, together
from benchtui.runs.answer_health import TaskHealth
from benchtui.runs.follow.view import Counts, RowView, RunView, TaskState
from benchtui.runs.kinds.benchmark.events import RoutedAnswer, RoutedDocuments
from benchtui.runs.live_score import LiveScore


@dataclass(frozen=True, slots=True)
class Routing:
    """What a small and a large model did for all documents answered so far, and for how many of them."""

    work: RoutedFacts
    documents: RoutedDocuments

    @property
    def tokens(self) -> int:
        return self.work.small.chosen + self.work.large.chosen


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
    routing: Routing | None = None
    """None where one model answers alone."""

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
    """The leaf tasks, in the order in which they were planned; and of the newest answers of two models who wrote them,
    with their tasks, oldest first."""

    tasks: tuple[TaskView, ...]
    newest: tuple[tuple[str, RoutedAnswer], ...] = ()


def leaf_tasks(view: RunView) -> tuple[TaskView, ...]:
    """The leaf tasks of a benchmark; none for a run of another kind."""
    return view.own.tasks if isinstance(view.own, BenchmarkView) else ()


def routing_of(view: RunView) -> Routing | None:
    """What two models did in all tasks of a benchmark together; None where one model answers alone."""
    return _sum([task.routing for task in leaf_tasks(view) if task.routing is not None])


def row_routing(view: RunView, row: RowView) -> Routing | None:
    """What two models did in the leaf tasks of one row."""
    leaves = [task.routing for task in leaf_tasks(view) if task.group == row.name]
    return _sum([routing for routing in leaves if routing is not None])


def newest_routed(view: RunView) -> tuple[tuple[str, RoutedAnswer], ...]:
    """The newest answers of two models with their tasks, oldest first."""
    return view.own.newest if isinstance(view.own, BenchmarkView) else ()


def _sum(parts: Sequence[Routing]) -> Routing | None:
    """Several tasks as one."""
    if not parts:
        return None
    documents = [part.documents for part in parts]
    return Routing(
        together(part.work for part in parts),
        RoutedDocuments(
            sum(each.small for each in documents),
            sum(each.large for each in documents),
            sum(each.both for each in documents),
        ),
    )
