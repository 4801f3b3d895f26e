"""From a run's events to what is known of it now. Any process may follow any run; nothing in the files can stop it."""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass, field

import msgspec

from benchtui.errors import BenchtuiError
from benchtui.plans.plan import Plan
from benchtui.runs import events as ev
from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import EventReader
from benchtui.runs.follow.pace import Pace
from benchtui.runs.follow.view import RunView, WorkersView, count
from benchtui.runs.follow.workers import bounded_workers
from benchtui.runs.kinds.benchmark.kind import BENCHMARK
from benchtui.runs.kinds.kind import About, Kind
from benchtui.runs.kinds.registry import read_kind
from benchtui.runs.records import DoneRecord, LaunchRecord, RunState, read_done, read_launch, run_state

NEWEST_LOG_LINES = 200
NEWEST_WARNINGS = 50
MOST_DECISIONS = 50
TEXT_KEPT = 2000
_NO_SIGN_OF_LIFE = (ev.InFlight, ev.Watchdog, ev.Workers, ev.WorkerStarted, ev.WorkerEnded, ev.Done)
RECORDS_EVERY = 1.0
"""Seconds between looks at the launch and done records."""


@dataclass
class _Known:
    """What the events have said so far."""

    phase: ev.Phase | None = None
    advanced: int = 0
    advanced_before: dict[str, int] = field(default_factory=dict)
    advanced_now: dict[str, int] = field(default_factory=dict)
    advanced_unit: str = ""
    advanced_total: int = 0
    decisions: dict[str, ev.Decision] = field(default_factory=dict)
    warnings: deque[ev.Warned] = field(default_factory=lambda: deque(maxlen=NEWEST_WARNINGS))
    warning: ev.Warned | None = None
    log: deque[ev.Log] = field(default_factory=lambda: deque(maxlen=NEWEST_LOG_LINES))
    in_flight: ev.InFlight | None = None
    failed: ev.Failed | None = None
    watchdog: ev.Watchdog | None = None
    workers: WorkersView | None = None
    results: str | None = None
    ended: ev.Done | None = None
    last_sign: float | None = None
    started: float | None = None
    attempt: int = 1


class RunFollower:
    """Follows one run directory from any process.

    `update()` takes in what is new (at most 1 MiB of events a call) and returns the run as it is now; `new` holds the
    events that the last call took in. Absent, torn, damaged or deleted files never raise.
    """

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        self.new: tuple[ev.Event, ...] = ()
        self._reader = EventReader(run.events)
        self._kind: Kind = BENCHMARK  # until its plan can be read: runs of earlier versions are nothing else
        self._fold = self._kind.fold()
        self._plan: Plan | None = None
        self._state: RunState = "waiting"
        self._launch: LaunchRecord | None = None
        self._done: DoneRecord | None = None
        self._records_at = -math.inf
        self._known = _Known()
        self._tokens = Pace()
        self._version = 0
        self._view = self._build()

    @property
    def view(self) -> RunView:
        """The run as it was at the last update; reads nothing."""
        return self._view

    def update(self) -> RunView:
        self.new = tuple(self._read())
        if self.new and self._plan is None:
            self._read_plan()
        for event in self.new:
            self._apply(event)
        if self._look_at_records() or self.new:
            self._version += 1
            self._view = self._build()
        return self._view

    def catch_up(self, seconds: float = 5.0) -> RunView:
        """Take in everything there is, however long the file, for at most `seconds`, and look at the records anew."""
        self._records_at = -math.inf
        deadline = time.monotonic() + seconds
        view = self.update()
        while self.new and time.monotonic() < deadline:
            view = self.update()
        return view

    # Reading.

    def _read(self) -> list[ev.Event]:
        try:
            return self._reader.read()
        except (OSError, RecursionError):  # a folder taken away or no longer ours; JSON nested to break a parser
            return []

    def _look_at_records(self) -> bool:
        """Whether the plan, the state or the done record changed."""
        now = time.monotonic()
        hurry = any(isinstance(event, ev.Done | ev.WorkerStarted) for event in self.new)
        if now - self._records_at < RECORDS_EVERY and not hurry:
            return False
        self._records_at = now
        before = (self._plan, self._state, self._done, self._launch)
        try:
            state = run_state(self.run)
            self._launch, self._done = read_launch(self.run) or self._launch, read_done(self.run)
        except (OSError, RecursionError):
            return False
        gone = state == "waiting" and self._state != "waiting"  # its records were deleted
        self._state = "died" if gone else state
        if self._plan is None:
            self._read_plan()
        return (self._plan, self._state, self._done, self._launch) != before

    def _read_plan(self) -> None:
        try:
            kind, plan = read_kind(self.run)
        except (BenchtuiError, RecursionError):
            return  # not yet written, or damaged: the events still tell most of it
        if kind is not self._kind:
            self._kind, self._fold = kind, kind.fold()
        self._plan = plan
        self._fold.know(plan)

    # Applying one event.

    def _apply(self, event: ev.Event) -> None:
        if not isinstance(event, _NO_SIGN_OF_LIFE):
            self._known.last_sign = event.t
            self._known.watchdog = None
        match event:
            case ev.Phase() | ev.Advance() | ev.InFlight():
                self._apply_step(event)
            case ev.Decision() | ev.Warned() | ev.Log() | ev.Failed():
                self._apply_words(event)
            case ev.Results():
                self._known.results = event.file
            case ev.Watchdog():
                self._known.watchdog = None if event.state == "alive again" else event
            case ev.Workers():
                self._known.workers = bounded_workers(event)
            case ev.WorkerStarted():
                self._begin_attempt(event)
            case ev.Done():
                self._known.ended = event
            case ev.WorkerEnded():
                self._known.in_flight = None
        self._fold.apply(event)

    def _apply_step(self, event: ev.Phase | ev.Advance | ev.InFlight) -> None:
        known = self._known
        match event:
            case ev.Phase():
                known.phase = event
                known.advanced, known.advanced_unit, known.advanced_total = 0, "", 0
                known.advanced_before = dict(known.advanced_now)
                known.in_flight = None
            case ev.Advance():  # `done` counts on from phase to phase
                done = count(event.done)
                known.advanced_now[event.unit] = done
                known.advanced = max(done - known.advanced_before.get(event.unit, 0), 0)
                known.advanced_unit, known.advanced_total = event.unit, count(event.total)
                if event.unit == "tokens":
                    self._tokens.count_to(event.t, done)
            case ev.InFlight():
                known.in_flight = event

    def _apply_words(self, event: ev.Decision | ev.Warned | ev.Log | ev.Failed) -> None:
        known = self._known
        match event:
            case ev.Decision():
                if event.what in known.decisions or len(known.decisions) < MOST_DECISIONS:
                    known.decisions[event.what] = event
            case ev.Warned():
                known.warning = msgspec.structs.replace(event, message=event.message[:TEXT_KEPT])
                known.warnings.append(known.warning)
            case ev.Log():
                known.log.append(msgspec.structs.replace(event, message=event.message[:TEXT_KEPT]))
            case ev.Failed():
                known.failed = event

    def _begin_attempt(self, event: ev.WorkerStarted) -> None:
        known = self._known
        resumed = known.ended is not None
        known.started = event.t if known.started is None or resumed else known.started
        known.attempt = event.attempt
        known.warning = None if resumed else known.warning
        known.phase = known.in_flight = known.failed = known.watchdog = known.results = known.ended = None
        known.workers = None
        known.advanced_before, known.advanced_now = {}, {}
        self._tokens = Pace()
        self._fold.begin_attempt()

    # The record of it.

    def _build(self) -> RunView:
        known, plan, folded = self._known, self._plan, self._fold.view()
        about = self._kind.about(plan) if plan else About("model", self.run.path.name)
        return RunView(
            run=self.run,
            kind=self._kind.name,
            model=plan.model_name if plan else self.run.path.name,
            weights=about.weights,
            role=about.role,
            suite=about.suite,
            bench_id=plan.bench_id if plan else "",
            state=self._state,
            phase=known.phase,
            advanced=known.advanced,
            advanced_unit=known.advanced_unit,
            advanced_total=known.advanced_total,
            rows=folded.rows,
            counts=folded.counts,
            own=folded.own,
            decisions=tuple(known.decisions.values()),
            warnings=tuple(known.warnings),
            warning=known.warning,
            log=tuple(known.log),
            in_flight=known.in_flight,
            failed=known.failed,
            watchdog=known.watchdog,
            workers=known.workers,
            last_sign=known.last_sign,
            tokens_per_second=self._tokens.rate,
            started=self._launch.t if self._launch else known.started,
            attempt=known.attempt,
            results=known.results,
            done=self._done,
            message=self._message(),
            damaged_lines=self._reader.skipped,
            version=self._version,
        )

    def _message(self) -> str:
        if self._done is not None:
            return self._done.message[:TEXT_KEPT]
        return self._known.ended.message[:TEXT_KEPT] if self._known.ended else ""
