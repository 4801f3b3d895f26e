"""The events of several workers as those of one run."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence

import msgspec

from benchtui.runs import events as ev
from benchtui.runs.directory import WorkerFiles
from benchtui.runs.event_reader import reader_at_end
from benchtui.runs.kinds.kind import Kind
from benchtui.supervise.schedule import Schedule
from benchtui.supervise.worker_rows import WorkerRows

IN_FLIGHT_SHOWN = 32
MOST_TOLD = 1000
"""Different sentences of each sort that are passed on, each once."""
MOST_PHASES = 20_000
SUMS_EVERY = 0.2
"""Seconds between two times that sums are told."""
LOST = ("failed", "timed out")
"""How a slot ends whose open chunks are answered by others."""


class ShardEvents:
    """Reads what the workers of one run tell, and gives it as a display of the whole run needs it.

    Signs of life are summed over the shards, and what the run's kind combines: a few times a second, however many
    workers there are. Phases, decisions, warnings and log lines are told once, when the first worker tells them; how a
    worker ended and that another took its place is a warning. What is only true of a part (the warnings of a watchdog,
    the end of a shard) stays in that shard's file, and is seen in the rows of the workers (`Workers`). What a worker
    can do and has done is told to the `schedule`. `places` names what each worker computes on.
    """

    def __init__(
        self, shards: Sequence[WorkerFiles], kind: Kind, schedule: Schedule, places: Sequence[str] = ()
    ) -> None:
        self._combine = kind.combine()
        self._schedule = schedule
        self._rows = WorkerRows(schedule, kind.working, places or [""] * len(shards))
        self._readers = [reader_at_end(files.events) for files in shards]
        self._shards = [_Shard() for _ in shards]
        self._told: dict[str, set[str]] = {}
        self._begun: set[tuple[str, str]] = set()
        self._advanced: dict[str, ev.Advance] = {}
        self._in_flight: ev.InFlight | None = None
        self._summed_at = -math.inf

    def read(self) -> list[ev.Event]:
        """What is new since the last call; sums that changed just now wait for a later call, or for `rest`."""
        found = self._read()
        now = time.monotonic()
        if now - self._summed_at >= SUMS_EVERY:
            self._summed_at = now
            found += self._sums()
        rows = self._rows.told()
        return [*found, rows] if rows is not None else found

    def rest(self) -> list[ev.Event]:
        """All that is new: no worker is left that would tell more."""
        found = self._read()
        while any(reader.behind for reader in self._readers):
            found += self._read()
        found += self._sums()
        rows = self._rows.rest()
        return [*found, rows] if rows is not None else found

    def _read(self) -> list[ev.Event]:
        found = []
        for number, reader in enumerate(self._readers):
            try:
                events = reader.read()
            except OSError:  # a disk that fails, a folder that was deleted: the slot notices
                continue
            found += [told for event in events if (told := self._take(number, event)) is not None]
        return found

    def once(self, event: ev.Event) -> ev.Event | None:
        """A sentence of the worker that decides for the others; None where it was told before."""
        return self._sentence(len(self._shards), event) if isinstance(event, ev.Decision | ev.Warned) else None

    def _take(self, number: int, event: ev.Event) -> ev.Event | None:
        shard = self._shards[number]
        self._rows.take(number, event)
        match event:
            case ev.WorkUnits():
                self._schedule.ready(number, event)
                return None
            case ev.ChunkBegun():
                self._schedule.begun(number, event.number)
                return None
            case ev.ChunkDone():
                self._combine.settle(number, event.ahead)
                self._schedule.done(number, event.number)
                return None
            case ev.ShareDone():
                self._combine.settle(number)
                return None
            case ev.Placed():
                return None
            case ev.Done():
                return self._lost(number, event) if event.status in LOST else None
            case ev.Advance():
                shard.advanced[event.unit], shard.totals[event.unit] = event.done, event.total
                self._advanced[event.unit] = event
                return None
            case ev.InFlight():
                shard.in_flight = self._in_flight = event
                return None
            case ev.WorkerStarted():
                return self._started(shard, number, event)
            case _:
                return self._sentence(number, event)

    def _sums(self) -> list[ev.Event]:
        """What is true of all workers together, as far as it changed."""
        sums: list[ev.Event] = [self._sum_advance(event) for event in self._advanced.values()]
        if self._in_flight is not None:
            sums.append(self._all_in_flight(self._in_flight))
        self._advanced.clear()
        self._in_flight = None
        return [*sums, *self._combine.sums()]

    def _sum_advance(self, event: ev.Advance) -> ev.Advance:
        done = sum(shard.before[event.unit] + shard.advanced[event.unit] for shard in self._shards)
        total = sum(shard.totals[event.unit] for shard in self._shards)
        return msgspec.structs.replace(event, done=done, total=total)

    def _all_in_flight(self, event: ev.InFlight) -> ev.InFlight:
        """The documents of this task that any worker has in hand."""
        known = [shard.in_flight for shard in self._shards if shard.in_flight is not None]
        documents = [document for other in known if other.task == event.task for document in other.documents]
        return msgspec.structs.replace(event, documents=documents[:IN_FLIGHT_SHOWN])

    def _started(self, shard: _Shard, number: int, event: ev.WorkerStarted) -> ev.Event | None:
        shard.before += shard.advanced  # a new worker counts from 0
        shard.advanced.clear()
        shard.in_flight = None
        if event.attempt > 1:
            return ev.Warned(t=event.t, message=f"Worker {number + 1} was started again; the others did not stop.")
        return event if self._first("started", "") else None

    def _lost(self, number: int, event: ev.Done) -> ev.Event:
        self._combine.lose(number)
        name = f"Worker {number + 1} of {len(self._shards)}"
        return ev.Warned(t=event.t, message=f"{name} is not replaced any more: {event.message}")

    def _sentence(self, number: int, event: ev.Event) -> ev.Event | None:
        match event:
            case ev.Phase():
                self._shards[number].in_flight = None
                return event if self._begins(event) else None
            case ev.Decision():
                return event if self._first("decisions", f"{event.what} {event.choice}") else None
            case ev.Warned():
                return self._within("warnings", event.message, event)
            case ev.Log():
                return self._within("log lines", event.message, event)
            case ev.Failed():
                return ev.Warned(
                    t=event.t, message=f"Worker {number + 1} failed: {event.message}", next_step=event.next_step
                )
            case ev.WorkerEnded(reason="stopped" | "killed now"):
                return None  # as it was asked to
            case ev.WorkerEnded():
                return ev.Warned(
                    t=event.t, message=f"Worker {number + 1} ended: {event.reason} ({event.detail or event.exit_code})."
                )
            case _:
                return self._combine.take(number, event)

    def _begins(self, phase: ev.Phase) -> bool:
        """Whether this worker is the first to begin this phase."""
        if (phase.name, phase.task) in self._begun or len(self._begun) >= MOST_PHASES:
            return False
        self._begun.add((phase.name, phase.task))
        return True

    def _first(self, sort: str, sentence: str) -> bool:
        told = self._told.setdefault(sort, set())
        if sentence in told or len(told) >= MOST_TOLD:
            return False
        told.add(sentence)
        return True

    def _within(self, sort: str, sentence: str, event: ev.Event) -> ev.Event | None:
        """The event where it is told first; in place of the last one that there is room for, that there are more."""
        if not self._first(sort, sentence):
            return None
        if len(self._told[sort]) < MOST_TOLD:
            return event
        return ev.Warned(t=event.t, message=f"More {sort} of the workers are in the folder run/shards of this run.")


class _Shard:
    """The latest of what one worker told. By unit: `totals` is how far what it does can advance, 0 where not known, and
    `before` what the workers in its slot before it had advanced."""

    def __init__(self) -> None:
        self.in_flight: ev.InFlight | None = None
        self.advanced: Counter[str] = Counter()
        self.before: Counter[str] = Counter()
        self.totals: Counter[str] = Counter()
