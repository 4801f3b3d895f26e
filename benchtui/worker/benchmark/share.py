"""One of several workers of a run: it answers the chunks of documents that it is given, and scores nothing."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import deque
from collections.abc import Container, Iterator, Mapping, Sequence

from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.runs.chunks import Chunk, ChunkReader, WorkUnit
from benchtui.runs.events import ChunkDone, ShareDone, WorkUnits
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
    opened: _OpenUnit | None = None
    for chunks in _given(ChunkReader(context.files.chunks), context, units.watched):
        if opened is not None and (not chunks or opened.unit.name != chunks[0].unit):
            opened.tell()
        if not chunks:
            continue
        if opened is None or opened.unit.name != chunks[0].unit:
            opened = None  # frees the prompts of the last one first
            opened = units.open(chunks[0].unit)
        opened.ask(chunks)
        for chunk in chunks:
            context.reporter.emit(ChunkDone(number=chunk.number))
    context.reporter.emit(ShareDone(partial=bool(context.journal.skipped())))


class _Units:
    """The work units of a run, opened in whatever order their chunks come, with the prompts that they have where one
    worker opens all of them in turn: a task may draw from the global generators while its prompts are built."""

    def __init__(self, evaluation: Evaluation, units: Sequence[Unit]) -> None:
        self._evaluation = evaluation
        self._units = units
        self._drawn = drawn_so_far()
        self.watched = frozenset(unit.name for unit in units if is_watched(unit, evaluation.context.plan))
        """Those that may be decided before all of their documents are answered."""

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


def _given(reader: ChunkReader, context: RunContext, alone: Container[str]) -> Iterator[list[Chunk]]:
    """Yield what this worker is given, in time: all chunks that are there of one unit together, since the batches at
    the end of what is asked are never full; one by one those of the units in `alone`, which may need no more of them.
    What is taken back counts as done. [], once, when it has to wait, and at the end."""
    given: deque[Chunk] = deque()
    waits = False
    while True:
        context.stop.check()
        given += reader.read()
        if given:
            waits, chunks = False, [given.popleft()]
            while given and given[0].unit == chunks[0].unit and chunks[0].unit not in alone:
                chunks.append(given.popleft())
            if chunks[0].unit not in reader.dropped:
                yield chunks
            else:
                for chunk in chunks:
                    context.reporter.emit(ChunkDone(number=chunk.number))
        elif not waits:
            waits = True
            yield []
        elif reader.ended:
            return
        else:
            time.sleep(LOOK_EVERY)


class _OpenUnit:
    """A work unit with its prompts, and the order of its documents."""

    def __init__(self, evaluation: Evaluation, unit: Unit) -> None:
        self.unit = unit
        self._tasks = open_tasks(evaluation, unit.leaves)
        evaluation.context.stop.check()  # then not all of them are open
        self._order = _document_order(unit, self._tasks, evaluation.context.plan)

    def ask(self, chunks: Sequence[Chunk]) -> None:
        """Have the model answer the documents of these chunks, task by task."""
        found: dict[str, frozenset[int]] = {}
        for chunk in chunks:
            for name, documents in self._order.of(chunk).items():
                found[name] = found.get(name, frozenset()) | documents
        for name, documents in found.items():
            self._tasks[name].ask(documents)

    def tell(self) -> None:
        """Tell how far the tasks are and how they score, where that was not told yet."""
        for task in self._tasks.values():
            task.tell()


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
