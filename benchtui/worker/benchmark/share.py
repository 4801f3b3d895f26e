"""One of several workers of a run: it answers the chunks of documents that it is given, and scores nothing."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.runs.chunks import Chunk, ChunkReader, WorkUnit
from benchtui.runs.events import Ahead, ChunkBegun, ChunkDone, ShareDone, WorkUnits
from benchtui.worker.benchmark.asked_task import AskedTask
from benchtui.worker.benchmark.context import RunContext
from benchtui.worker.benchmark.early_stop.order import documents_a_look, is_watched, watched_order
from benchtui.worker.benchmark.evaluate import Evaluation, begin, open_tasks
from benchtui.worker.benchmark.shared_prefixes import chunk_starts
from benchtui.worker.benchmark.tasks.chance import draw_from, drawn_so_far
from benchtui.worker.benchmark.tasks.units import Unit, asked_together

LOOK_EVERY = 0.05
"""Seconds between looks for another chunk."""
UNITS_AT_ONCE = 200
"""Work units in one event, which has a greatest length."""


def answer_share(evaluation: Evaluation) -> None:
    """Answer what this worker is given of a run until nothing more comes. Raises StopRequested as soon as the last
    batch is journaled, if told to stop, and what `evaluate` does."""
    context = evaluation.context
    begin(evaluation)
    units = _Units(evaluation, asked_together(context.plan, context.tasks, early={}))
    units.tell()
    hand = _Hand(ChunkReader(context.files.chunks), context)
    opened: _OpenUnit | None = None
    for chunk in hand.in_time():
        if opened is not None and (chunk is None or opened.unit.name != chunk.unit):
            opened.tell()
        if chunk is None:
            continue
        if opened is None or opened.unit.name != chunk.unit:
            opened = None  # frees the prompts of the last one first
            opened = units.open(chunk.unit)
        opened.answer(chunk, hand)
    context.reporter.emit(ShareDone(partial=bool(context.journal.skipped())))


class _Units:
    """The work units of a run, opened in whatever order their chunks come, with the prompts that they have where one
    worker opens all of them in turn: a task may draw from the global generators while its prompts are built."""

    def __init__(self, evaluation: Evaluation, units: Sequence[Unit]) -> None:
        self._evaluation = evaluation
        self._units = units
        self._drawn = drawn_so_far()

    def tell(self) -> None:
        """Say what the documents are shared out of."""
        plan = self._evaluation.context.plan
        told = [
            WorkUnit(
                unit.name,
                sum(leaf.documents for leaf in unit.leaves),
                documents_a_look(len(unit.leaves)) if is_watched(unit, plan) else 0,
            )
            for unit in self._units
        ]
        for start in range(0, len(told), UNITS_AT_ONCE):
            last = start + UNITS_AT_ONCE >= len(told)
            part = WorkUnits(units=told[start : start + UNITS_AT_ONCE], start=start, last=last)
            self._evaluation.context.reporter.emit(part)

    def open(self, name: str) -> _OpenUnit:
        """Build the prompts of a unit. Where that draws numbers, those before it draw theirs first."""
        number = next(number for number, unit in enumerate(self._units) if unit.name == name)
        draw_from(self._drawn)
        opened = _OpenUnit(self._evaluation, self._units[number])
        if number and drawn_so_far() != self._drawn:
            draw_from(self._drawn)
            for before in self._units[:number]:
                open_tasks(self._evaluation, before.leaves)
            opened = _OpenUnit(self._evaluation, self._units[number])
        return opened


class _Hand:
    """The chunks that this worker was given and has not begun. Those that are taken back count as done."""

    def __init__(self, reader: ChunkReader, context: RunContext) -> None:
        self._reader = reader
        self._context = context
        self._chunks: deque[Chunk] = deque()

    def next(self, unit: str | None = None) -> Chunk | None:
        """Take the next chunk that is there, if it is of this unit."""
        self._chunks += self._reader.read()
        while self._chunks and self._chunks[0].unit in self._reader.dropped:
            self._context.reporter.emit(ChunkDone(number=self._chunks.popleft().number))
        if not self._chunks or self._chunks[0].unit != (unit or self._chunks[0].unit):
            return None
        return self._chunks.popleft()

    def in_time(self) -> Iterator[Chunk | None]:
        """Yield each as it comes; None, once, when it has to be waited for, and at the end."""
        waits = False
        while True:
            self._context.stop.check()
            ended = self._reader.ended  # before the look: nothing comes behind the end
            if (chunk := self.next()) is not None:
                waits = False
                yield chunk
            elif not waits:
                waits = True
                yield None
            elif ended:
                return
            else:
                time.sleep(LOOK_EVERY)


class _OpenUnit:
    """A work unit with its prompts, and the order of its documents. `in_steps` where it may need no more of them after
    any chunk, so that the next one is not begun before."""

    def __init__(self, evaluation: Evaluation, unit: Unit) -> None:
        self.unit = unit
        self._reporter = evaluation.context.reporter
        self._in_steps = is_watched(unit, evaluation.context.plan)
        self._tasks = open_tasks(evaluation, unit.leaves)
        evaluation.context.stop.check()  # then not all of them are open
        self._order = _document_order(unit, self._tasks, evaluation.context.plan)
        self._begun: dict[int, _Begun] = {}
        self._to_ask: dict[str, frozenset[int]] = {}

    def answer(self, chunk: Chunk, hand: _Hand) -> None:
        """Have the model answer the documents of a chunk, task by task, and of the chunks that come while it does. Each
        is said to be done as soon as all of it is journaled."""
        self._begin(chunk)
        while self._to_ask:
            name = next(iter(self._to_ask))
            self._tasks[name].ask(self._to_ask.pop(name), _Arriving(self, name, hand))
        self.tell_done()

    def more(self, task: str, hand: _Hand, *, working: bool) -> frozenset[int]:
        """Begin chunks that have come, and return the documents of this task in them. `working`: the model answers the
        ones before, and will need the ones behind."""
        while not self._in_steps and not self._to_ask and (chunk := hand.next(self.unit.name)) is not None:
            self._begin(chunk)
            if working:
                self._reporter.emit(ChunkBegun(number=chunk.number))
            if found := self._to_ask.pop(task, None):
                return found
        return frozenset()

    def tell_done(self) -> None:
        """Say which chunks are done now."""
        done = [number for number, begun in self._begun.items() if begun.is_done(self._tasks)]
        for number in done:
            del self._begun[number]
        if done:
            self.tell()
        for number in done:
            self._reporter.emit(ChunkDone(number=number, ahead=self._ahead()))

    def _begin(self, chunk: Chunk) -> None:
        documents = self._order.of(chunk)
        for name, found in documents.items():
            self._to_ask[name] = self._to_ask.get(name, frozenset()) | found
        self._begun[chunk.number] = _Begun([(name, doc_id) for name, found in documents.items() for doc_id in found])

    def _ahead(self) -> list[Ahead]:
        """What is answered of chunks that are not done."""
        of_task: dict[str, list[int]] = {}
        for begun in self._begun.values():
            for name, doc_id in begun.documents:
                of_task.setdefault(name, []).append(doc_id)
        answered = {name: self._tasks[name].requests.answered_of(found) for name, found in of_task.items()}
        return [Ahead(name, documents, requests) for name, (documents, requests) in answered.items() if requests]

    def tell(self) -> None:
        """Tell how far the tasks are and how they score, where that was not told yet."""
        for task in self._tasks.values():
            task.tell()


@dataclass
class _Begun:
    """A chunk that is being answered: its `documents`, of which the first `left` may not be settled yet."""

    documents: list[tuple[str, int]]
    left: int = field(init=False)

    def __post_init__(self) -> None:
        self.left = len(self.documents)

    def is_done(self, tasks: Mapping[str, AskedTask]) -> bool:
        """Whether nothing of it is left to ask. No document is looked at again once it is settled."""
        while self.left:
            name, doc_id = self.documents[self.left - 1]
            if not tasks[name].requests.is_settled(doc_id):
                return False
            self.left -= 1
        return True


@dataclass
class _Arriving:
    """What comes for one task of a unit while the model answers it; `working` since its first batch began."""

    unit: _OpenUnit
    task: str
    hand: _Hand
    working: bool = False

    def more(self) -> frozenset[int]:
        return self.unit.more(self.task, self.hand, working=self.working)

    def kept(self) -> None:
        self.working = True
        self.unit.tell_done()


class _DocumentOrder:
    """(task, doc_id) of all documents of a unit, in the order in which they are given out; `starts` are the places
    where a chunk may begin."""

    def __init__(self, order: Sequence[tuple[str, int]], starts: Sequence[int]) -> None:
        self._order = order
        self._starts = starts

    def of(self, chunk: Chunk) -> Mapping[str, frozenset[int]]:
        """The documents of a chunk, whose ends are moved forward to where a chunk may begin: every worker moves them
        alike, so that each document is in one chunk."""
        found: dict[str, list[int]] = {}
        for name, doc_id in self._order[self._moved(chunk.start) : self._moved(chunk.stop)]:
            found.setdefault(name, []).append(doc_id)
        return {name: frozenset(documents) for name, documents in found.items()}

    def _moved(self, place: int) -> int:
        at = bisect_left(self._starts, place)
        return self._starts[at] if at < len(self._starts) else len(self._order)


def _document_order(unit: Unit, tasks: Mapping[str, AskedTask], plan: BenchmarkPlan) -> _DocumentOrder:
    if is_watched(unit, plan):
        order = watched_order(unit.leaves, plan)
        return _DocumentOrder(order, range(len(order)))
    order, starts = [], []
    for leaf in unit.leaves:
        starts += [len(order) + start for start in _starts(tasks[leaf.name], leaf.documents)]
        order += [(leaf.name, doc_id) for doc_id in range(leaf.documents)]
    return _DocumentOrder(order, starts)


def _starts(task: AskedTask, documents: int) -> list[int]:
    """The places in a task where a chunk may begin, as the first worker in this slot found them: a later one lacks the
    prompts of documents that were given up on, and every worker has to move the ends of chunks alike."""
    journal, name = task.context.journal, f"documents of {task.loaded.name} kept with the one before"
    inner = journal.noted(name)
    if not isinstance(inner, list):
        prompts = task.prompts()
        inner = sorted(set(range(documents)) - set(chunk_starts([prompts.get(n, "") for n in range(documents)])))
        journal.note(name, inner)
    kept = {place for place in inner if isinstance(place, int)}
    return [place for place in range(documents) if place == 0 or place not in kept]
