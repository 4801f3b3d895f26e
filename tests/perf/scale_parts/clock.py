"""A clock that jumps from event to event, and processors that are shared by whoever works on them."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Generator
from dataclasses import dataclass


@dataclass(frozen=True)
class Wait:
    """Let the clock advance by so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Work:
    """Use one of these processors for so many seconds: for longer where more than there are work at a time."""

    on: Processors
    seconds: float


Process = Generator[Wait | Work]


class Processors:
    """`cores` that are shared out equally among those who work, each of whom uses one core at most.

    `served` counts the seconds that one of them has got since the beginning (virtual time: Kleinrock, Queueing Systems
    II, 1976), so that an arrival or an ending changes nothing for the others in the queue.
    """

    def __init__(self, cores: float) -> None:
        self._cores = cores
        self._served = self._at = 0.0
        self._queue: list[tuple[float, int, Process]] = []
        self.busy = 0.0
        """Seconds of work that were done."""

    def add(self, now: float, seconds: float, number: int, process: Process) -> None:
        """Let a process work from now on."""
        self._advance(now)
        self.busy += seconds
        heapq.heappush(self._queue, (self._served + seconds, number, process))

    def next_ending(self) -> float:
        """When the next of them is done, if nobody else comes; infinity when nobody works."""
        return self._at + (self._queue[0][0] - self._served) / self._rate() if self._queue else float("inf")

    def end_next(self, now: float) -> Process:
        """Take out the one that is done."""
        self._advance(now)
        return heapq.heappop(self._queue)[2]

    def _advance(self, now: float) -> None:
        self._served += (now - self._at) * self._rate()
        self._at = now

    def _rate(self) -> float:
        return min(1.0, self._cores / len(self._queue)) if self._queue else 0.0


class Clock:
    """Runs processes, which yield what they wait for."""

    def __init__(self, *processors: Processors) -> None:
        self.now = 0.0
        self._processors = processors
        self._waiting: list[tuple[float, int, Process]] = []
        self._numbers = itertools.count()

    def start(self, process: Process) -> None:
        """Let a process begin now."""
        self._step(process)

    def run(self) -> None:
        """Run until no process is left."""
        while True:
            working = min(self._processors, key=Processors.next_ending)
            timer = self._waiting[0][0] if self._waiting else float("inf")
            when = min(timer, working.next_ending())
            if when == float("inf"):
                return
            self.now = when
            self._step(heapq.heappop(self._waiting)[2] if timer <= when else working.end_next(when))

    def _step(self, process: Process) -> None:
        match next(process, None):
            case Wait(seconds):
                heapq.heappush(self._waiting, (self.now + seconds, next(self._numbers), process))
            case Work(on, seconds):
                on.add(self.now, seconds, next(self._numbers), process)
