"""What is known of a run at one moment: the frozen records that every display draws."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from benchtui.runs.answer_health import TaskHealth
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import Decision, Failed, InFlight, LiveScore, Log, Phase, Warned, Watchdog
from benchtui.runs.records import DoneRecord, RunState

TaskState = Literal["waiting", "building prompts", "evaluating", "scoring", "done", "partial"]
"""`partial`: its final score is there, but over fewer documents than it has."""

ENDED: frozenset[RunState] = frozenset({"died", "finished", "partial", "failed", "cancelled", "timed out"})


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


@dataclass(frozen=True, slots=True)
class Counts:
    """How many documents are answered and scored, of how many."""

    documents: int = 0
    total: int = 0

    @property
    def words(self) -> str:
        """ "2 of 18 answered"; "" where nobody knows how many there are."""
        return f"{self.documents:,} of {self.total:,} answered" if self.total else ""


def counts(tasks: Iterable[TaskView]) -> Counts:
    """Over all tasks of a run: the one place where displays, records and lists have their numbers from."""
    pairs = [(task.documents, task.documents_total) for task in tasks]
    return Counts(sum(done for done, _ in pairs), sum(total for _, total in pairs))


@dataclass(frozen=True, slots=True)
class RowView:
    """One task as the user asked for it, its leaves folded into one: what a display shows in a line.

    `score` is the primary score, for several leaves their average weighted by n (None when they do not share a metric);
    `rate` in documents a second; `remaining` in seconds, as it was at `at`.
    """

    name: str
    state: TaskState
    leaves: int
    leaves_over: int
    documents: int
    documents_total: int
    share: float
    """Of the work, 0 to 1; 1 only when the task is done."""
    score: LiveScore | None
    rate: float | None
    remaining: float | None
    at: float
    seconds: float | None
    health: TaskHealth | None = None

    @property
    def over(self) -> bool:
        return self.state in ("done", "partial")

    @property
    def active(self) -> bool:
        return not self.over and self.state != "waiting"

    def remaining_at(self, now: float) -> float | None:
        """Seconds still to go at `now` (seconds since the epoch), 0 when the estimate has run out: it was wrong then,
        and nothing is known any more. None when nothing tells."""
        return None if self.remaining is None else max(self.remaining - max(now - self.at, 0.0), 0.0)


@dataclass(frozen=True, slots=True)
class RunView:
    """A run at one moment. Everything that can grow is bounded: the newest warnings and log lines, no others.

    `model` is the trained model's name, `weights` the model evaluated here: for a base run the base model's name.
    Times are seconds since the epoch. `last_sign` is when work last advanced, by the writers' clock; `advanced` what
    the phase in hand has done so far in `advanced_unit`, of `advanced_total` (0 where not known); `watchdog` the last
    word of the watchdog while it is worried. `version` grows with every change.
    """

    run: RunDirectory
    model: str
    weights: str
    role: str
    suite: str | None
    bench_id: str
    state: RunState
    phase: Phase | None
    advanced: int
    advanced_unit: str
    advanced_total: int
    rows: tuple[RowView, ...]
    tasks: tuple[TaskView, ...]
    decisions: tuple[Decision, ...]
    warnings: tuple[Warned, ...]
    warning: Warned | None
    """The newest one since the run was (last) started: what was wrong before it was resumed may be no more."""
    log: tuple[Log, ...]
    in_flight: InFlight | None
    failed: Failed | None
    watchdog: Watchdog | None
    last_sign: float | None
    tokens_per_second: float | None
    started: float | None
    attempt: int
    results: str | None
    done: DoneRecord | None
    message: str
    """How it ended, in the supervisor's words; "" while it runs."""
    damaged_lines: int
    version: int

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def ended_at(self) -> float | None:
        if not self.ended:
            return None
        return self.done.t if self.done is not None else self.last_sign

    @property
    def counts(self) -> Counts:
        return counts(self.tasks)

    def elapsed(self, now: float) -> float | None:
        """Seconds since the run was (last) started, until `now` or until it ended."""
        if self.started is None:
            return None
        end = self.ended_at if self.ended else now
        return None if end is None else max(end - self.started, 0.0)


def average(scores: Sequence[LiveScore]) -> LiveScore | None:
    """The scores of several tasks as one, weighted by n; None when there is none or they measure different things.

    The standard error is lm-eval's for groups, the pooled one (api/metrics.py, `pooled_sample_stderr`), which gives a
    task of one document no weight; None where a larger task has none.
    """
    counted = [score for score in scores if score.n > 0]
    if not counted or any((s.metric, s.filter) != (counted[0].metric, counted[0].filter) for s in counted):
        return None
    known = [(score, score.value) for score in counted if score.value is not None and math.isfinite(score.value)]
    if len(known) < len(counted):  # as in lm-eval's groups: what one task has no number for, the group has none for
        return LiveScore(counted[0].metric, counted[0].filter, None, None, sum(score.n for score in counted))
    if len(counted) == 1:
        return counted[0]
    n = sum(score.n for score in counted)
    value = sum(value * score.n for score, value in known) / n
    return LiveScore(counted[0].metric, counted[0].filter, value, _pooled_stderr(counted, n), n)


def _pooled_stderr(scores: Sequence[LiveScore], n: int) -> float | None:
    if n <= len(scores) or any(score.stderr is None and score.n > 1 for score in scores):
        return None
    variance = sum((score.n - 1) * score.n * (score.stderr or 0.0) ** 2 for score in scores) / (n - len(scores))
    return math.sqrt(variance / n)
