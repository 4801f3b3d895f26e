"""A run with many workers as events on a clock: the schedule is the product's own, what takes time was measured."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchtui.runs.chunks import Chunk, Dropped, WorkUnit
from benchtui.runs.directory import WorkerFiles
from benchtui.runs.events import WorkUnits
from benchtui.supervise.schedule import LARGEST, Schedule
from benchtui.supervise.slot import POLL, seconds_between_looks
from benchtui.worker.benchmark.share import LOOK_EVERY
from tests.perf.scale_parts.clock import Clock, Process, Processors, Wait, Work


@dataclass(frozen=True)
class Rates:
    """What takes time, in seconds; of a processor where nothing else is said.

    `command`: until the workers are started; `start`: until a worker knows its tasks; `build`: the prompt of one
    document; `own`: all that a worker does for a document beside its model; `chunk`: the same for a chunk; `document`:
    what the model takes, between (1 - spread) and (1 + spread) of it, waited for unless it `computes`, in a `batch`, of
    which a smaller one takes the `fixed` share as well.
    `look`: of the supervisor at one shard, twice (a slot's and the pool's); `event`: one event, read by both; workers
    tell `told` of them a second. `gather` and `score`: an answer, at the end; `final`: the same
    of a worker that is alone, which has its prompts and scores already; `last`: the command's end.
    `journal` and `events` are bytes an answer.
    """

    document: float
    command: float = 0.4
    start: float = 1.5
    build: float = 0.0004
    own: float = 0.0003
    chunk: float = 0.005
    spread: float = 0.5
    computes: bool = False
    batch: int = 32
    fixed: float = 0.0
    look: float = 0.00003
    event: float = 0.0001
    told: float = 5.0
    gather: float = 0.00003
    score: float = 0.0008
    final: float = 0.0002
    last: float = 0.3
    journal: float = 205.0
    events: float = 130.0


@dataclass
class Simulated:
    """What came out. `model` counts the seconds that the documents take a model of full speed; `ideal` is how long they
    would take all models, each with its part of the full `speeds`, if no worker ever did anything else."""

    speeds: Sequence[float]
    answered: Counter[tuple[str, int]] = field(default_factory=Counter)
    seconds: float = 0.0
    asked_from: float = float("inf")
    asked_to: float = 0.0
    model: float = 0.0
    chunks: int = 0
    driver: float = 0.0
    events: float = 0.0

    @property
    def workers(self) -> int:
        return len(self.speeds)

    @property
    def documents(self) -> int:
        return sum(self.answered.values())

    @property
    def ask(self) -> float:
        """Seconds from the first question to the last answer."""
        return self.asked_to - self.asked_from

    @property
    def ideal(self) -> float:
        return self.model / sum(self.speeds)

    @property
    def efficiency(self) -> float:
        """Which share of the workers' time until the last answer their models work."""
        return self.ideal / self.asked_to

    @property
    def driver_load(self) -> float:
        """Which share of a core the supervisor needs until the last answer."""
        return self.driver / self.asked_to


class _Mailbox:
    """What a worker reads its chunks from."""

    def __init__(self) -> None:
        self.chunks: deque[Chunk | Dropped | None] = deque()

    def write(self, line: Chunk | Dropped | None) -> None:
        self.chunks.append(line)

    def close(self) -> None:
        """Nothing is open."""


class _Run:
    """One run: its workers, and its supervisor with a slot for each."""

    def __init__(
        self,
        units: Sequence[WorkUnit],
        speeds: Sequence[float],
        rates: Rates,
        cores: float,
        seed: int,
        largest: int,
        *,
        apart: bool,
    ) -> None:
        workers = len(speeds)
        self.rates, self.units = rates, {unit.name: unit for unit in units}
        self.processors = Processors(cores)
        self.supervisor = Processors(1) if apart else self.processors
        self.clock = Clock(self.processors) if not apart else Clock(self.processors, self.supervisor)
        self.found = Simulated(speeds)
        self._random = random.Random(seed)  # noqa: S311 - durations, no secrets
        self._mail = [_Mailbox() for _ in range(workers)]
        self._told: deque[Callable[[], None]] = deque()
        self._ended = 0
        mail = iter(self._mail)
        files = [WorkerFiles(Path(), number) for number in range(workers)]
        self._schedule = Schedule(files, largest=largest, open_writer=lambda _: next(mail))
        for number in range(workers):
            self._schedule.begin(number)

    def run(self) -> Simulated:
        self.clock.start(self._command())
        self.clock.run()
        self.found.seconds = self.clock.now
        return self.found

    def _command(self) -> Process:
        yield Wait(self.rates.command)
        for number in range(self.found.workers):
            self.clock.start(self._worker(number))
        self.clock.start(self._slots())
        while self._ended < self.found.workers:
            yield Wait(POLL)
            waiting, self._told = self._told, deque()
            yield self._supervise(self.rates.look * self.found.workers + self.rates.event * len(waiting))
            self.found.events += len(waiting)
            for hear in waiting:
                hear()
        yield from self._finish()

    def _slots(self) -> Process:
        """All slots: in the time of one look of each, so many look."""
        every, told = seconds_between_looks(self.found.workers), self.rates.told * self.found.workers
        while self._ended < self.found.workers:
            yield Wait(every)
            self.found.events += told * every
            yield self._supervise(self.rates.look * self.found.workers + 2 * self.rates.event * told * every)

    def _supervise(self, seconds: float) -> Work:
        self.found.driver += seconds
        return Work(self.supervisor, seconds)

    def _finish(self) -> Process:
        yield Wait(seconds_between_looks(self.found.workers))
        documents, rates = self.found.documents, self.rates
        if self.found.workers == 1:
            yield Work(self.processors, rates.final * documents)
            yield Wait(rates.last)
            return
        yield Work(self.supervisor, rates.gather * documents)
        yield Work(self.processors, rates.start + rates.score * documents)
        yield Wait(rates.last)

    def _worker(self, number: int) -> Process:
        mail, opened = self._mail[number].chunks, ""
        yield Work(self.processors, self.rates.start)
        event = WorkUnits(units=list(self.units.values()), last=True)
        self._told.append(lambda: self._schedule.ready(number, event))
        while True:
            if not mail:
                yield Wait(LOOK_EVERY)
                continue
            chunk = mail.popleft()
            if not isinstance(chunk, Chunk):
                break
            if opened != chunk.unit:
                opened = chunk.unit
                yield Work(self.processors, self.rates.build * self.units[opened].size)
            yield from self._ask(chunk, self.found.speeds[number])
            self._told.append(lambda done=chunk.number: self._schedule.done(number, done))
        self._ended += 1

    def _ask(self, chunk: Chunk, speed: float) -> Process:
        rates, found = self.rates, self.found
        found.chunks += 1
        found.asked_from = min(found.asked_from, self.clock.now)
        yield Work(self.processors, rates.chunk)
        for start in range(chunk.start, chunk.stop, rates.batch):
            places = range(start, min(start + rates.batch, chunk.stop))
            seconds = sum(rates.document * (1 + rates.spread * self._random.uniform(-1, 1)) for _ in places)
            found.model += seconds
            seconds += rates.fixed * rates.document * (rates.batch - len(places)) * (seconds > 0)
            yield Work(self.processors, seconds / speed) if rates.computes else Wait(seconds / speed)
            yield Work(self.processors, rates.own * len(places))
            found.answered.update((chunk.unit, place) for place in places)
        found.asked_to = max(found.asked_to, self.clock.now)


def simulate(
    units: Sequence[WorkUnit],
    workers: int,
    rates: Rates,
    *,
    cores: float,
    seed: int = 0,
    largest: int = LARGEST,
    apart: bool = False,
    speeds: Sequence[float] = (),
) -> Simulated:
    """Answer the documents of `units` with so many workers on `cores`, of these `speeds` (1 where it is left out). The
    supervisor has a core of its own where it is `apart`."""
    return _Run(units, speeds or [1.0] * workers, rates, cores, seed, largest, apart=apart).run()
