"""How far each task is: leaf tasks from their events, and rows of the plan made of leaves."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.plans.plan import Plan
from benchtui.runs.answer_health import TaskHealth, together
from benchtui.runs.events import Event, Phase, Workers
from benchtui.runs.follow.pace import Pace
from benchtui.runs.follow.view import RowView, TaskState, count
from benchtui.runs.kinds.benchmark.events import Planned, PlannedTask, Progress, Routed, RoutedAnswer, Scores
from benchtui.runs.kinds.benchmark.routing import bounded, bounded_answers
from benchtui.runs.kinds.benchmark.view import BenchmarkView, Routing, TaskView, counts
from benchtui.runs.kinds.kind import Folded
from benchtui.runs.live_score import LiveScore, average
from benchtui.tasks.primary_metric import ordered

MOST_TASKS = 5000
MOST_SCORES = 32
NEWEST_ROUTED = 40
NEARLY = 0.999
"""The share shown at most while a task is not done."""


def group_of(leaf: str, wanted: Iterable[tuple[str, tuple[str, ...]]]) -> str:
    """The task of the plan that a leaf belongs to: the one that names it, else the longest that it is named after."""
    best = ""
    for name, leaves in wanted:
        if leaf in leaves or leaf == name:
            return name
        if leaf.startswith((f"{name}_", f"{name}::")) and len(name) > len(best):
            best = name
    return best or leaf


class Leaf:
    """One leaf task as its events come in."""

    def __init__(self, name: str, group: str) -> None:
        self.name = name
        self.group = group
        self._state: TaskState = "waiting"
        self._documents = self._documents_total = 0
        self._requests = self._requests_total = 0
        self._tokens_per_second = 0.0
        self._scores: tuple[LiveScore, ...] = ()
        self._health: TaskHealth | None = None
        self._routing: Routing | None = None
        self._began: float | None = None
        self._seconds: float | None = None
        self._ended = 0.0
        self._answered_at: float | None = None
        self._seen = False  # in this attempt: what a resume restores is no work done now

    def plan(self, planned: PlannedTask) -> None:
        self._documents_total = count(planned.documents)

    def begin_attempt(self) -> None:
        """A new worker goes through all tasks again; those that were whole stay as they are."""
        self._seen = False
        self._began = self._answered_at = None
        if self._state != "done" or self._documents < self._documents_total:
            self._state = "waiting"

    def enter(self, phase: Phase) -> None:
        if self._began is None:
            self._began = phase.t
        if self._state != "done" and phase.name in ("building prompts", "evaluating", "scoring"):
            self._state = phase.name

    def progress(self, event: Progress) -> float:
        """Note how far the task is; returns the work done since the last such event, in documents."""
        before = self.view().work
        self._documents_total = count(event.documents_total)
        self._documents = min(count(event.documents), self._documents_total)
        self._requests_total = count(event.requests_total)
        self._requests = min(count(event.requests), self._requests_total)
        self._tokens_per_second = event.tokens_per_second
        if self._state == "waiting":
            self._state = "evaluating"
        if self._state == "partial" and self._documents == self._documents_total:
            self._state = "done"
        done = self.view().work - before if self._seen else 0.0
        self._seen = True
        if done > 0:
            self._answered_at = event.t
        return max(done, 0.0)

    def score(self, event: Scores, *, together: bool = False) -> None:
        """Note its scores; `together`: all tasks are scored at the end of the run, and not each after its answers."""
        self._scores = tuple(ordered(event.scores[:MOST_SCORES]))
        self._health = event.health
        if event.final:
            if self._state != "done" and self._began is not None:
                ended = self._answered_at if together and self._answered_at is not None else event.t
                self._seconds, self._ended = max(ended - self._began, 0.0), ended
            scored = max((score.n for score in self._scores), default=0)
            whole = event.early or scored >= self._documents_total or self._documents >= self._documents_total
            self._state = "done" if whole else "partial"

    def route(self, event: Routed) -> None:
        self._routing = bounded(event)

    def view(self) -> TaskView:
        return TaskView(
            name=self.name,
            group=self.group,
            state=self._state,
            documents=self._documents,
            documents_total=self._documents_total,
            requests=self._requests,
            requests_total=self._requests_total,
            tokens_per_second=self._tokens_per_second,
            scores=self._scores,
            began=self._ended - self._seconds if self._seconds is not None else self._began,
            seconds=self._seconds,
            health=self._health,
            routing=self._routing,
        )


class BenchmarkFold:
    """The leaf tasks of a benchmark as its events come in."""

    def __init__(self) -> None:
        self.planned = False
        self._plan: BenchmarkPlan | None = None
        self._shared = False
        self._leaves: dict[str, Leaf] = {}
        self._paces: dict[str, Pace] = {}
        self._newest: deque[tuple[str, RoutedAnswer]] = deque(maxlen=NEWEST_ROUTED)

    def know(self, plan: Plan) -> None:
        if isinstance(plan, BenchmarkPlan):
            self._plan = plan

    def apply(self, event: Event) -> None:
        match event:
            case Phase() if event.task in self._leaves:
                self._leaves[event.task].enter(event)
            case Planned():
                self.planned = True
                for planned in event.tasks:
                    if leaf := self._leaf(planned.task):
                        leaf.plan(planned)
            case Progress():
                if leaf := self._leaf(event.task):
                    pace = self._paces.setdefault(leaf.group, Pace())
                    pace.begin(event.t)
                    pace.add(event.t, leaf.progress(event))
            case Scores():
                if leaf := self._leaf(event.task):
                    leaf.score(event, together=self._shared)
            case Workers():
                self._shared = True
            case Routed():
                if leaf := self._leaf(event.task):
                    leaf.route(event)
                    self._newest.extend((leaf.name, answer) for answer in bounded_answers(event, NEWEST_ROUTED))

    def begin_attempt(self) -> None:
        self._shared = False
        self._paces = {}
        for leaf in self._leaves.values():
            leaf.begin_attempt()

    def view(self) -> Folded:
        plan, tasks = self._plan, tuple(leaf.view() for leaf in self._leaves.values())
        wanted = {task.name: len(plan.leaves.get(task.name, ())) for task in plan.tasks} if plan else {}
        return Folded(fold_rows(tasks, wanted, self._paces), counts(tasks), BenchmarkView(tasks, tuple(self._newest)))

    def _leaf(self, name: str) -> Leaf | None:
        if name not in self._leaves and len(self._leaves) < MOST_TASKS:
            plan = self._plan
            wanted = [(task.name, plan.leaves.get(task.name, ())) for task in plan.tasks] if plan else []
            self._leaves[name] = Leaf(name, group_of(name, wanted))
        return self._leaves.get(name)


def fold_rows(tasks: Sequence[TaskView], wanted: Mapping[str, int], paces: Mapping[str, Pace]) -> tuple[RowView, ...]:
    """A row for each task of the plan (`wanted`: its leaf count, 0 where not known), then one for any other leaf."""
    members: dict[str, list[TaskView]] = {name: [] for name in wanted}
    for task in tasks:
        members.setdefault(task.group, []).append(task)
    return tuple(_row(name, leaves, wanted.get(name, 0), paces.get(name)) for name, leaves in members.items())


def _row(name: str, leaves: Sequence[TaskView], expected: int, pace: Pace | None) -> RowView:
    total = sum(leaf.documents_total for leaf in leaves)
    work = sum(_done(leaf) for leaf in leaves)
    state = _row_state(leaves, max(expected, len(leaves)))
    over = state in ("done", "partial")
    rate = pace.rate if pace else None
    return RowView(
        name=name,
        state=state,
        leaves=max(expected, len(leaves), 1),
        leaves_over=sum(leaf.over for leaf in leaves),
        documents=sum(leaf.documents for leaf in leaves),
        documents_total=total,
        share=1.0 if state == "done" else min(work / total, NEARLY) if total else 0.0,
        score=average([leaf.scores[0] for leaf in leaves if leaf.scores]),
        rate=rate,
        remaining=None if over or rate is None else max(total - work, 0.0) / rate,
        at=pace.latest if pace else 0.0,
        seconds=_took(leaves) if over else None,
        health=_health(leaves),
    )


def _done(leaf: TaskView) -> float:
    """Of its documents: those that need no more work. Of a partial task half answered ones are lost to its score."""
    if leaf.state == "done":
        return leaf.documents_total
    return leaf.documents if leaf.state == "partial" else leaf.work


def _health(leaves: Sequence[TaskView]) -> TaskHealth | None:
    known = [leaf.health for leaf in leaves if leaf.health is not None]
    return together(known) if known else None


def _took(leaves: Sequence[TaskView]) -> float | None:
    """The time in which any of them was at work: those of a task that may be decided early take turns."""
    spans = sorted((leaf.began, leaf.seconds) for leaf in leaves if leaf.began is not None and leaf.seconds is not None)
    if not spans:
        return None
    took, until = 0.0, -math.inf
    for began, seconds in spans:
        took += max(began + seconds - max(began, until), 0.0)
        until = max(until, began + seconds)
    return took


def _row_state(leaves: Sequence[TaskView], expected: int) -> TaskState:
    if len(leaves) == expected and all(leaf.over for leaf in leaves) and leaves:
        return "done" if all(leaf.state == "done" for leaf in leaves) else "partial"
    active = [leaf.state for leaf in leaves if leaf.state not in ("waiting", "done", "partial")]
    if active:
        return active[-1]
    return "evaluating" if any(leaf.over for leaf in leaves) else "waiting"
