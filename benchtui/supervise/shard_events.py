"""The events of several workers as those of one run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from benchtui.runs import events as ev
from benchtui.runs.directory import WorkerFiles
from benchtui.runs.event_reader import reader_at_end
from benchtui.runs.kinds.kind import Combine
from benchtui.supervise.schedule import Schedule

IN_FLIGHT_SHOWN = 32
MOST_TOLD = 1000
"""Different sentences that are passed on, each once; of a worker that tells more only the first are."""
MOST_PHASES = 20_000


class ShardEvents:
    """Reads what the workers of one run tell, and gives it as a display of the whole run needs it.

    Signs of life are summed over the shards, and what the run's kind combines. Phases, decisions, warnings and log
    lines are told once, when the first worker tells them; how a worker ended and that another took its place is a
    warning. What is only true of a part (the warnings of a watchdog, the end of a shard) stays in that shard's file.
    What a worker can do and has done is told to the `schedule`.
    """

    def __init__(self, shards: Sequence[WorkerFiles], combine: Combine, schedule: Schedule) -> None:
        self._combine = combine
        self._schedule = schedule
        self._readers = [reader_at_end(files.events) for files in shards]
        self._shards = [_Shard() for _ in shards]
        self._told: set[str] = set()
        self._begun: set[tuple[str, str]] = set()

    def read(self) -> list[ev.Event]:
        """What is new since the last call."""
        found = []
        for number, reader in enumerate(self._readers):
            try:
                events = reader.read()
            except OSError:  # a disk that fails, a folder that was deleted: the slot notices
                continue
            found += [told for event in events if (told := self._take(number, event)) is not None]
        return found

    def _take(self, number: int, event: ev.Event) -> ev.Event | None:
        shard = self._shards[number]
        match event:
            case ev.WorkUnits():
                self._schedule.ready(number, event)
                return None
            case ev.ChunkDone():
                self._schedule.done(number, event.number)
                return None
            case ev.Advance():
                shard.advanced[event.unit] = event.done
                done = sum(other.before[event.unit] + other.advanced[event.unit] for other in self._shards)
                return msgspec.structs.replace(event, done=done)
            case ev.InFlight():
                shard.in_flight = event
                return self._all_in_flight(event)
            case ev.WorkerStarted():
                return self._started(shard, number, event)
            case _:
                return self._sentence(number, event)

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
        return event if self._first("started") else None

    def _sentence(self, number: int, event: ev.Event) -> ev.Event | None:
        match event:
            case ev.Phase():
                self._shards[number].in_flight = None
                return event if self._begins(event) else None
            case ev.Decision():
                return event if self._first(f"decision {event.what} {event.choice}") else None
            case ev.Warned():
                return event if self._first(f"warning {event.message}") else None
            case ev.Log():
                return event if self._first(f"log {event.message}") else None
            case ev.Failed():
                return ev.Warned(
                    t=event.t, message=f"Worker {number + 1} failed: {event.message}", next_step=event.next_step
                )
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

    def _first(self, sentence: str) -> bool:
        if sentence in self._told or len(self._told) >= MOST_TOLD:
            return False
        self._told.add(sentence)
        return True


class _Shard:
    """The latest of what one worker told. `before`: what the workers in its slot before it had advanced, by unit."""

    def __init__(self) -> None:
        self.in_flight: ev.InFlight | None = None
        self.advanced: Counter[str] = Counter()
        self.before: Counter[str] = Counter()
