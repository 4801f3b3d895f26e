"""What is known of a run at one moment: the frozen records that every display draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchtui.runs.answer_health import TaskHealth
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import Decision, Failed, InFlight, Log, Phase, Warned, Watchdog
from benchtui.runs.live_score import LiveScore
from benchtui.runs.records import DoneRecord, RunState
from benchtui.runs.workers import Doing, WorkerNow

TaskState = Literal["waiting", "building prompts", "evaluating", "scoring", "done", "partial"]
"""`partial`: its final score is there, but over fewer documents than it has."""

ENDED: frozenset[RunState] = frozenset({"died", "finished", "partial", "failed", "cancelled", "timed out"})


LARGEST_COUNT = 10**12


def count(number: int) -> int:
    """A count from a file, bounded so that arithmetic and columns stay sane."""
    return min(max(number, 0), LARGEST_COUNT)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many documents are answered and scored, of how many. `requests` counts all requests, also answered ones, of
    the tasks that were begun."""

    documents: int = 0
    total: int = 0
    requests: int = 0

    @property
    def words(self) -> str:
        """ "2 of 18 answered"; "" where the total is not known."""
        return f"{self.documents:,} of {self.total:,} answered" if self.total else ""


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
class WorkersView:
    """The workers of a run that has several, as they were at `t`: `counts` says how many of the `total` do what, in the
    order in which one does these; `shown` are those worth showing, by their numbers."""

    total: int
    counts: tuple[tuple[Doing, int], ...]
    shown: tuple[WorkerNow, ...]
    t: float


@dataclass(frozen=True, slots=True)
class RunView:
    """A run at one moment. Everything that can grow is bounded: the newest warnings and log lines, no others.

    `model` is the trained model's name, `weights` the model evaluated here: for a base run the base model's name.
    Times are seconds since the epoch. `last_sign` is when work last advanced, by the writers' clock; `advanced` what
    the phase in hand has done so far in `advanced_unit`, of `advanced_total` (0 where not known); `watchdog` the last
    word of the watchdog while it is worried. `own` is what the run's kind knows besides. `version` grows with every
    change.
    """

    run: RunDirectory
    kind: str
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
    counts: Counts
    own: object
    decisions: tuple[Decision, ...]
    warnings: tuple[Warned, ...]
    warning: Warned | None
    """The newest one since the run was (last) started: what was wrong before it was resumed may be no more."""
    log: tuple[Log, ...]
    in_flight: InFlight | None
    failed: Failed | None
    watchdog: Watchdog | None
    workers: WorkersView | None
    """None where one worker evaluates the run."""
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

    def elapsed(self, now: float) -> float | None:
        """Seconds since the run was (last) started, until `now` or until it ended."""
        if self.started is None:
            return None
        end = self.ended_at if self.ended else now
        return None if end is None else max(end - self.started, 0.0)
