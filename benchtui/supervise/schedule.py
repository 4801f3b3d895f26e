"""Which of several workers answers which documents of a run: chunks, given out as the workers finish.

Chunks become smaller towards the end (guided self-scheduling: Polychronopoulos and Kuck, IEEE Transactions on Computers
36(12), 1987), so that workers of any speed finish together. A chunk stays with the slot that it was given to: where its
worker dies, the next one in that slot finds in the shard's journal what is answered of it. Chunks of a slot that ends
are given to other workers once nothing else is left. Those that were being answered come last of all: one may hold the
document that ended the slot.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from benchtui.runs.chunks import Chunk, ChunkWriter, Dropped, WorkUnit
from benchtui.runs.directory import WorkerFiles
from benchtui.runs.events import WorkUnits

OPEN_AT_ONCE = 2
"""Chunks that a worker holds at a time: the one that it answers, and the next one, so that it need not wait. What is
still in its batches of those before counts no more."""
SMALLEST = 8
"""Documents in a chunk, unless there are fewer than that for each worker."""
ENOUGH = 32
"""Documents in a chunk while there are two such for each worker: models that answer many at once would be half idle."""
LARGEST = 1000
"""Documents in a chunk: as much as is asked again, at most, when a slot ends."""
PARTS = 4
"""A chunk is the part of what is left that each worker would get, divided by this: with two open, a worker has at most
half of its part in hand, and one of half the speed delays nobody (measured by tests/perf/scale_parts/schedules.py)."""


class Writes(Protocol):
    """What chunks are given through, as `ChunkWriter` does."""

    def write(self, line: Chunk | Dropped | None) -> None: ...

    def close(self) -> None: ...


@dataclass
class _Shard:
    """One slot's part of the run: `ready` since its worker said what there is to do. `begun` is the newest chunk that
    it said it has begun before those in front of it were done."""

    files: WorkerFiles
    writer: Writes | None = None
    unwritable: OSError | None = None
    ready: bool = False
    lost: bool = False
    told_end: bool = False
    open: dict[int, Chunk] = field(default_factory=dict)
    begun: int = 0

    @property
    def held(self) -> int:
        """How many chunks it holds: one for all that are being answered, and those that it has not begun."""
        return len(self.open) - max(len(self.being_answered) - 1, 0)

    @property
    def being_answered(self) -> list[int]:
        """The chunks up to the newest one that is known to be begun, which is the first at least."""
        numbers = list(self.open)
        return numbers[: numbers.index(self.begun) + 1 if self.begun in self.open else 1]


class Schedule:
    """Shares out the documents of one run. Every method may be called from any thread.

    `largest` documents at most are in a chunk; `open_writer` opens what a shard's worker reads them from. A shard whose
    file cannot be written is given nothing more; `unwritable` says so.
    """

    def __init__(
        self,
        shards: Sequence[WorkerFiles],
        *,
        largest: int = LARGEST,
        open_writer: Callable[[Path], Writes] = ChunkWriter,
    ) -> None:
        self._lock = threading.RLock()
        self._shards = [_Shard(files) for files in shards]
        self._largest = largest
        self._open_writer = open_writer
        self._units: deque[WorkUnit] | None = None
        self._told: dict[int, list[WorkUnit]] = {}
        self._at = 0
        self._returned: deque[Chunk] = deque()
        self._numbers = 0
        self._dropped: set[str] = set()
        self._in_full: set[str] = set()
        self._decides = True

    def begin(self, number: int) -> None:
        """A worker is about to start in slot `number`: it is given again what the one before it had. Raises OSError
        where its file cannot be written."""
        with self._lock:
            shard = self._shards[number]
            if shard.writer is not None:
                shard.writer.close()
            shard.writer, shard.ready, shard.told_end, shard.begun = None, False, False, 0
            self._told.pop(number, None)
            shard.writer = self._open_writer(shard.files.chunks)
            shard.open = {chunk.number: chunk for chunk in self._wanted(shard.open.values())}
            for chunk in shard.open.values():
                shard.writer.write(chunk)

    def ready(self, number: int, event: WorkUnits) -> None:
        """The worker in slot `number` says what the documents are shared out of. What is left of the words of one that
        has ended since is no whole, and says nothing."""
        with self._lock:
            told = self._told.setdefault(number, [])
            if event.start == 0:
                told.clear()
            if event.start != len(told):
                return
            told += event.units
            if not event.last:
                return
            if self._units is None:
                self._units = deque(unit for unit in told if unit.size and unit.name not in self._dropped)
            self._shards[number].ready = True
            self._give()

    def begun(self, number: int, chunk: int) -> None:
        """The worker in slot `number` has begun a chunk while it still answers those before."""
        with self._lock:
            self._shards[number].begun = chunk
            self._give()

    def done(self, number: int, chunk: int) -> None:
        """The worker in slot `number` has answered a chunk."""
        with self._lock:
            self._shards[number].open.pop(chunk, None)
            self._give()

    def lose(self, number: int) -> None:
        """Slot `number` has ended: what it had left is for the others."""
        with self._lock:
            shard = self._shards[number]
            shard.lost, shard.ready = True, False
            self._take_back(shard)
            self._give()

    def lend(self, number: int) -> None:
        """Give the chunks of slot `number` to other workers, because its worker waits for a place on the cluster, which
        one of them may have. If it finds one before the end, some documents may be asked twice."""
        with self._lock:
            shard = self._shards[number]
            if shard.open and any(other.ready for other in self._shards if other is not shard):
                self._take_back(shard)
                self._give()

    def drop(self, unit: str) -> None:
        """Give out nothing more of a unit; what is given of it and not begun is not answered."""
        with self._lock:
            self._dropped.add(unit)
            self._returned = deque(self._wanted(self._returned))
            for shard in self._shards:
                if any(chunk.unit == unit for chunk in shard.open.values()):
                    self._write(shard, Dropped(unit))
            if self._units:
                self._at = 0 if self._units[0].name == unit else self._at
                self._units = deque(left for left in self._units if left.name != unit)
            self._give()

    def need_all(self, unit: str | None = None) -> None:
        """Every document of a unit is needed, None for every unit: nothing is decided between them."""
        with self._lock:
            if unit is None:
                self._decides = False
            else:
                self._in_full.add(unit)

    def waits(self, number: int) -> bool:
        """Whether the worker in slot `number` has nothing to do but to wait for the others."""
        with self._lock:
            shard = self._shards[number]
            return shard.ready and not shard.open and not shard.told_end

    def unwritable(self, number: int) -> OSError | None:
        """Why slot `number` can be told nothing more; None where nothing is wrong."""
        return self._shards[number].unwritable

    def over(self, number: int) -> bool:
        """Whether slot `number` was told that nothing more will come."""
        with self._lock:
            return self._shards[number].told_end

    @property
    def left(self) -> int:
        """How many documents are not given out."""
        with self._lock:
            units = sum(unit.size for unit in self._units or ()) - self._at
            return units + sum(chunk.size for chunk in self._returned)

    def close(self) -> None:
        """Close the files."""
        with self._lock:
            for shard in self._shards:
                if shard.writer is not None:
                    shard.writer.close()
                    shard.writer = None

    def _give(self) -> None:
        """Give chunks to whoever has fewest, until each has enough or nothing is left."""
        if self._units is None:
            return
        while self.left:
            able = [shard for shard in self._shards if shard.ready and shard.held < OPEN_AT_ONCE]
            if not able:
                return
            shard = min(able, key=lambda shard: shard.held)
            chunk = self._next()
            shard.open[chunk.number] = chunk
            self._write(shard, chunk)
        if not any(shard.open for shard in self._shards):
            self._end()

    def _take_back(self, shard: _Shard) -> None:
        at_work = shard.being_answered
        for chunk in self._wanted(shard.open.values()):
            put = self._returned.append if chunk.number in at_work else self._returned.appendleft
            put(chunk)
        shard.open.clear()

    def _wanted(self, chunks: Iterable[Chunk]) -> list[Chunk]:
        return [chunk for chunk in chunks if chunk.unit not in self._dropped]

    def _next(self) -> Chunk:
        if not self._units:
            return self._returned.popleft()
        unit, workers = self._units[0], max(1, sum(not shard.lost for shard in self._shards))
        size = chunk_size(self.left, workers, self._largest)
        if unit.look and self._decides and unit.name not in self._in_full:
            size = min(size, -(-unit.look // workers))  # little is asked beyond what decides
        start, stop = self._at, min(self._at + size, unit.size)
        self._at = stop
        if stop == unit.size:
            self._units.popleft()
            self._at = 0
        self._numbers += 1
        return Chunk(self._numbers, unit.name, start, stop)

    def _end(self) -> None:
        for shard in self._shards:
            if shard.writer is not None and not shard.told_end:
                shard.told_end = self._write(shard, None)

    def _write(self, shard: _Shard, line: Chunk | Dropped | None) -> bool:
        """Whether it could be written. What could not is given to the others when the slot has ended."""
        try:
            if shard.writer is not None:
                shard.writer.write(line)
        except OSError as error:
            shard.unwritable, shard.ready = error, False
        return shard.unwritable is None


def chunk_size(left: int, workers: int, largest: int = LARGEST) -> int:
    """How many of the documents `left` the next chunk has."""
    fair, half, part = (-(-left // (of * workers)) for of in (1, 2, PARTS))
    return max(1, min(largest, max(part, min(ENOUGH, half), min(SMALLEST, fair))))


@dataclass(frozen=True)
class Share:
    """What slot `number` has to do with the schedule of a run."""

    schedule: Schedule
    number: int

    def begin(self) -> None:
        """A worker is about to start in it. Raises OSError where its file cannot be written."""
        self.schedule.begin(self.number)

    @property
    def unwritable(self) -> OSError | None:
        """Why its worker can be told nothing more; None where nothing is wrong."""
        return self.schedule.unwritable(self.number)

    @property
    def waits(self) -> bool:
        """Whether its worker can do nothing but wait for others, which is no silence."""
        return self.schedule.waits(self.number)

    @property
    def over(self) -> bool:
        """Whether all is answered, and nothing more will come."""
        return self.schedule.over(self.number)

    def lend(self) -> None:
        """Its worker waits for a place to run in."""
        self.schedule.lend(self.number)

    def lose(self) -> None:
        """It has ended."""
        self.schedule.lose(self.number)
