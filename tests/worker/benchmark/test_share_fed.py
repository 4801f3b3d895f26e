"""Chunks that come while others are answered: when they are begun, and when each is said to be done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchtui.runs.chunks import Chunk, ChunkReader, ChunkWriter, Dropped
from benchtui.runs.events import Ahead, ChunkBegun, ChunkDone
from benchtui.runs.journal.journal import Journal
from benchtui.worker.benchmark import share
from benchtui.worker.benchmark.answers.requests import TaskRequests
from benchtui.worker.benchmark.asked_task import Feed
from tests.worker.benchmark.test_requests import instances

BATCH = 4
"""Requests that are answered at once: two documents."""


class Task:
    """A task that is answered a batch at a time, which looks for more when fewer requests are left than fill one."""

    def __init__(self, name: str, folder: Path, documents: int = 20) -> None:
        self.journal = Journal(folder / name)
        self.requests = TaskRequests("task", instances(documents), self.journal, lambda _: None)
        self.calls = 0
        self.told = 0
        self.sizes: list[int] = []
        self.asked: list[int] = []

    def ask(self, only: frozenset[int], feed: Feed) -> None:
        self.calls += 1
        waiting = self.requests.pending(only)
        while waiting := waiting if len(waiting) >= BATCH else [*waiting, *self.requests.also_pending(feed.more())]:
            batch, waiting = waiting[:BATCH], waiting[BATCH:]
            self.sizes.append(len(batch))
            self.asked += [instance.doc_id or 0 for instance in batch]
            feed.kept()
            for instance in batch:
                self.requests.add_partial("loglikelihood", instance.args, (-1.0, True))
            self.requests.keep()
            feed.kept()

    def tell(self) -> None:
        self.told += 1


class Told(list[Any]):
    def emit(self, event: Any) -> None:
        self.append(event)

    def numbers(self, kind: type) -> list[int]:
        return [event.number for event in self if isinstance(event, kind)]


@pytest.fixture
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Task]:
    found = {name: Task(name, tmp_path) for name in ("arc", "boolq")}
    order = [(name, doc_id) for name in found for doc_id in range(20)]
    monkeypatch.setattr(share, "open_tasks", lambda *_: found)
    monkeypatch.setattr(share, "_document_order", lambda *_: share._DocumentOrder(order, range(len(order))))
    monkeypatch.setattr(share, "is_watched", lambda unit, _: unit.in_steps)
    return found


class Worker:
    def __init__(self, folder: Path, *, in_steps: bool = False) -> None:
        self.told = Told()
        stop = SimpleNamespace(check=lambda: None)
        context: Any = SimpleNamespace(reporter=self.told, stop=stop, plan=None)
        unit: Any = SimpleNamespace(name="unit", leaves=(), in_steps=in_steps)
        self.given = ChunkWriter(folder / "chunks.jsonl")
        self.hand = share._Hand(ChunkReader(folder / "chunks.jsonl"), context)
        self.unit = share._OpenUnit(SimpleNamespace(context=context), unit)  # type: ignore[arg-type]

    def answer(self, *chunks: Chunk) -> None:
        for chunk in chunks:
            self.given.write(chunk)
        while (chunk := self.hand.next()) is not None:
            self.unit.answer(chunk, self.hand)


def chunk(number: int, start: int, stop: int, unit: str = "unit") -> Chunk:
    return Chunk(number, unit, start, stop)


def test_chunks_of_a_unit_are_answered_in_one_call(tasks: dict[str, Task], tmp_path: Path) -> None:
    worker = Worker(tmp_path)
    worker.answer(chunk(1, 0, 5), chunk(2, 5, 10), chunk(3, 10, 13))
    assert tasks["arc"].calls == 1
    assert tasks["arc"].sizes == [4] * 6 + [2], "none but the last is half empty"
    assert worker.told.numbers(ChunkDone) == [1, 2, 3]
    assert worker.told.numbers(ChunkBegun) == [2, 3]


def test_each_is_done_as_soon_as_its_last_document_is_journaled(tasks: dict[str, Task], tmp_path: Path) -> None:
    worker, found = Worker(tmp_path), tasks["arc"]
    answered: dict[int, int] = {}

    def emit(event: Any) -> None:
        if isinstance(event, ChunkDone):
            answered[event.number] = found.journal.count()
        worker.told.append(event)

    worker.told.emit = emit  # type: ignore[method-assign]
    worker.answer(chunk(1, 0, 5), chunk(2, 5, 11), chunk(3, 11, 13))
    assert answered == {1: 12, 2: 24, 3: 26}
    ahead = [event.ahead for event in worker.told if isinstance(event, ChunkDone)]
    assert ahead == [[Ahead("arc", 1, 2)], [Ahead("arc", 1, 2)], []]
    assert found.told >= 3, "how far it is is told first"


def test_a_chunk_that_ends_in_another_task_is_done_with_that(tasks: dict[str, Task], tmp_path: Path) -> None:
    worker = Worker(tmp_path)
    worker.answer(chunk(1, 17, 19), chunk(2, 19, 23), chunk(3, 23, 24))
    assert [task.calls for task in tasks.values()] == [1, 1]
    assert worker.told.numbers(ChunkDone) == [1, 2, 3]
    assert sorted(tasks["boolq"].asked) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_what_may_need_no_more_is_answered_chunk_by_chunk(tasks: dict[str, Task], tmp_path: Path) -> None:
    worker = Worker(tmp_path, in_steps=True)
    worker.answer(chunk(1, 0, 3), chunk(2, 3, 6))
    assert tasks["arc"].calls == 2
    assert worker.told.numbers(ChunkBegun) == []
    assert worker.told.numbers(ChunkDone) == [1, 2]


@pytest.mark.parametrize("last", [chunk(2, 5, 8, "another"), Dropped("another"), None])
def test_what_is_of_another_unit_waits(tasks: dict[str, Task], tmp_path: Path, last: Any) -> None:
    worker = Worker(tmp_path)
    for line in (chunk(1, 0, 3), chunk(2, 5, 8, "another"), last):
        worker.given.write(line)
    first = worker.hand.next()
    assert first is not None
    worker.unit.answer(first, worker.hand)
    assert tasks["arc"].requests.answered == 6
    dropped = isinstance(last, Dropped)
    assert worker.told.numbers(ChunkDone) == ([2, 1] if dropped else [1])
    assert (worker.hand.next() is None) == dropped


@pytest.mark.parametrize("settle", [lambda task: task.journal.skip("task", 3, "stalled"), lambda task: answer(task, 3)])
def test_documents_that_were_settled_before_do_not_keep_a_chunk_open(
    tasks: dict[str, Task], tmp_path: Path, settle: Callable[[Task], None]
) -> None:
    found = tasks["arc"]
    settle(found)
    found.requests = TaskRequests("task", instances(20), found.journal, lambda _: None)
    found.requests.restore()
    worker = Worker(tmp_path)
    worker.answer(chunk(1, 3, 4), chunk(2, 2, 3), chunk(3, 4, 4))
    assert worker.told.numbers(ChunkDone) == [1, 2, 3]
    assert found.asked == [2, 2]


def answer(task: Task, doc_id: int) -> None:
    for instance in task.requests.pending(frozenset({doc_id})):
        task.requests.add_partial("loglikelihood", instance.args, (-1.0, True))
    task.requests.keep()
