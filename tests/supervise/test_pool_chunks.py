"""Several workers that are given chunks as they finish: whoever dies, each document is answered and none is lost."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from pathlib import Path

import pytest

from benchtui.runs import events as ev
from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import read_events
from benchtui.runs.journal.shards import answered_in
from benchtui.runs.kinds.benchmark.events import Progress
from tests.runs.scripted import Script, run, supervise, worker
from tests.supervise.pooled import CHUNKED, THREE, TWO, answered, shard_said, warnings

__all__ = ["run", "worker"]


def test_whoever_is_faster_answers_more(worker: Script, run: RunDirectory) -> None:
    worker.install(
        CHUNKED,
        """
        plan(run)
        go = run.path / "ready"
        if shard == 1:
            while not go.exists():
                time.sleep(0.01)
        answer_chunks(run, each=lambda doc: (go.write_text(""), time.sleep(0.6 if shard == 0 else 0)))
        """,
    )
    (done,) = supervise(run, settings=TWO)
    assert (done.status, done.answered, done.documents) == ("finished", 10, 10)
    asked = [len(shard_said(run, shard, Progress)) for shard in (0, 1)]
    assert sum(asked) == 10
    assert asked[0] <= 8, "it had two chunks before the other was ready, and was given no more"


def test_a_worker_that_answered_a_chunk_and_died_before_it_said_so_asks_nothing_twice(
    worker: Script, run: RunDirectory
) -> None:
    worker.install(
        CHUNKED,
        """
        if shard == 0 and attempt == 1:
            plan(run)
            for chunk in given(run):
                answer(run, *range(chunk.start, chunk.stop))
                os.kill(os.getpid(), signal.SIGKILL)
        answer_chunks(run)
        """,
    )
    (done,) = supervise(run, settings=TWO)
    assert done.status == "finished"
    asked: Counter[int] = Counter()
    for shard in (0, 1):
        asked.update(event.requests for event in shard_said(run, shard, Progress) if isinstance(event, Progress))
    assert sum(asked.elements()) == 10, "as many requests as documents"


def test_a_slot_that_ends_gives_its_chunks_to_the_others_and_the_run_is_whole(
    worker: Script, run: RunDirectory
) -> None:
    worker.install(
        CHUNKED,
        """
        if shard == 0:
            plan(run)
            for chunk in given(run):
                answer(run, chunk.start)
                os.kill(os.getpid(), signal.SIGSEGV)
        while attempt == 1 and not run.files_of(0).journal.exists():
            time.sleep(0.01)
        answer_chunks(run)
        """,
    )
    (done,) = supervise(run, settings=TWO)
    assert (done.status, done.answered) == ("finished", 10)
    assert answered(run) == set(range(10))
    assert len(worker.calls_of(0)) == 3
    assert "Worker 1 ended: failed (signal SIGSEGV)." in warnings(run)


def test_of_a_document_that_ends_every_worker_all_others_are_answered_first(worker: Script, run: RunDirectory) -> None:
    worker.install(
        CHUNKED,
        """
        def each(doc):
            if doc == 2:
                os.kill(os.getpid(), signal.SIGSEGV)

        answer_chunks(run, each)
        """,
    )
    (done,) = supervise(run, settings=TWO)
    assert done.status == "failed"
    assert answered(run) >= set(range(10)) - {2, 3, 4}, "of the chunk with the document what comes after it is missing"
    assert done.results, "what was answered is scored"


@pytest.mark.long
def test_a_slot_whose_workers_are_killed_from_outside_is_not_given_up_while_others_answer(
    worker: Script, run: RunDirectory
) -> None:
    worker.install(
        CHUNKED,
        """
        from benchtui.runs.journal.shards import answered_in
        if shard == 1 and attempt <= 6:  # while it loads: nothing new in its slot
            while answered_in(run) < attempt:
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGKILL)
        answer_chunks(run, each=lambda doc: time.sleep(0.3 if shard == 0 else 0))
        """,
    )
    (done,) = supervise(run, settings=TWO)
    assert done.status == "finished"
    assert worker.calls_of(1) == ["ask"] * 7


@pytest.mark.long
def test_thirty_kills_lose_nothing(worker: Script, run: RunDirectory) -> None:
    """Of any worker, at any moment after something new was answered: while it starts, between documents, at its end."""
    worker.install(CHUNKED, "answer_chunks(run, each=lambda doc: time.sleep(0.15), documents=150)")
    chance, killed = random.Random(7), [0]  # noqa: S311 - no secret

    def tick() -> None:
        found = answered_in(run)
        alive = workers_of(run)
        if len(killed) <= 30 and found > killed[-1] and alive and chance.random() < 0.2:
            os.kill(chance.choice(alive), signal.SIGKILL)
            killed.append(found)

    (done,) = supervise(run, settings=THREE, tick=tick)
    assert done.status == "finished", done.message
    assert answered(run) == set(range(150))
    assert len(killed) == 31
    assert sum(len(shard_said(run, shard, ev.WorkerEnded)) for shard in range(3)) >= len(killed) - 4


def workers_of(run: RunDirectory) -> list[int]:
    """Processes of the workers that are alive, as the shards' events tell."""
    found = []
    for files in run.shards():
        started = [event.pid for event in read_events(files.events) if isinstance(event, ev.WorkerStarted)]
        if started and Path(f"/proc/{started[-1]}").exists():
            found.append(started[-1])
    return found
