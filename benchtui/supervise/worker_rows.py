"""What each of several workers does now, as the run tells it: seldom enough for any number of workers."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from benchtui.runs import events as ev
from benchtui.runs.follow.pace import Pace
from benchtui.runs.kinds.kind import Working
from benchtui.runs.workers import ENDED, Doing, WorkerNow, worth_showing
from benchtui.supervise.schedule import Schedule

CHANGED_EVERY = 0.5
"""Seconds between two events at least, when a worker does something else than before."""
COUNTED_EVERY = 2.0
"""The same when only counts changed."""
_ENDINGS: Mapping[str, Doing] = {
    "finished": "done",
    "partial": "done",
    "cancelled": "stopped",
    "timed out": "timed out",
    "failed": "failed",
}


@dataclass
class _Row:
    """`found` is, by task, what was answered before the run was started, and `documents` what is answered now."""

    doing: Doing = "starting"
    where: str = ""
    task: str = ""
    starts: int = 1
    silent: float | None = None
    begun: bool = False
    pace: Pace = field(default_factory=Pace)
    found: dict[str, int] = field(default_factory=dict)
    documents: dict[str, int] = field(default_factory=dict)

    @property
    def own(self) -> int:
        return sum(self.documents.values()) - sum(self.found.values())


class WorkerRows:
    """The rows of the workers of one run. `working` says of an event how far a task is; `places` names what each worker
    computes on."""

    def __init__(
        self, schedule: Schedule, working: Callable[[ev.Event], Working | None], places: Sequence[str]
    ) -> None:
        self._schedule = schedule
        self._working = working
        self._places = places
        self._rows = [_Row() for _ in places]
        self._told: ev.Workers | None = None
        self._told_at = -math.inf

    def take(self, number: int, event: ev.Event) -> None:
        """Note what the worker of this number said, or what was said of it."""
        row = self._rows[number]
        match event:
            case ev.WorkerStarted():
                row.doing, row.task, row.silent, row.starts = "starting", "", None, max(event.attempt, 1)
                row.pace = Pace()
            case ev.Placed():
                row.doing, row.where = "starting" if event.where else "waiting for a place", event.where
            case ev.Phase():
                row.doing, row.task, row.begun, row.silent = event.name, event.task, True, None
            case ev.Watchdog():
                row.silent = None if event.state == "alive again" else event.silent
            case ev.WorkerEnded():
                # Another begins, or how the slot has ended is told next.
                row.doing, row.task, row.silent = "starting", "", None
            case ev.ShareDone():
                row.doing, row.task = "done", ""
            case ev.Done():
                row.doing, row.task, row.silent = _ENDINGS[event.status], "", None
            case _:
                self._count(row, event)

    def _count(self, row: _Row, event: ev.Event) -> None:
        if (working := self._working(event)) is None:
            return
        before = row.documents.get(working.task)
        row.documents[working.task] = working.documents
        row.pace.begin(event.t)
        if before is None:
            row.found[working.task] = working.documents
        else:
            row.pace.add(event.t, working.documents - before)

    def told(self) -> ev.Workers | None:
        """All of them in one event, if it is time to tell something new; none before the first has begun."""
        passed = time.monotonic() - self._told_at
        if passed < CHANGED_EVERY or not any(row.begun for row in self._rows):
            return None
        event = self._event()
        if self._told is not None and passed < COUNTED_EVERY and _states(event) == _states(self._told):
            return None
        return self._tell(event)

    def rest(self) -> ev.Workers | None:
        """The same, however short ago something was told."""
        return self._tell(self._event()) if any(row.begun for row in self._rows) else None

    def _tell(self, event: ev.Workers) -> ev.Workers | None:
        if event == self._told:
            return None
        self._told, self._told_at = event, time.monotonic()
        return event

    def _event(self) -> ev.Workers:
        workers = [self._now(number, row) for number, row in enumerate(self._rows)]
        counts = Counter[str](worker.doing for worker in workers)
        return ev.Workers(total=len(workers), counts=dict(counts), workers=worth_showing(workers))

    def _now(self, number: int, row: _Row) -> WorkerNow:
        waits = row.doing not in ENDED and self._schedule.waits(number)
        evaluating = row.doing == "evaluating" and not waits
        return WorkerNow(
            number=number,
            doing="waiting" if waits else row.doing,
            task="" if waits else row.task,
            documents=max(row.own, 0),
            rate=round(row.pace.rate, 3) if evaluating and row.pace.rate else None,
            starts=row.starts,
            silent=None if waits else row.silent,
            where=self._places[number] or row.where,
        )


def _states(event: ev.Workers) -> list[tuple[int, str, str, int, float | None]]:
    """Return the part of an event whose changes are told at once: everything except how much is done."""
    return [(worker.number, worker.doing, worker.task, worker.starts, worker.silent) for worker in event.workers]
