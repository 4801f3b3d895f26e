"""A document that ends every worker that gets it ends none of the slots: it is given up on, and nothing else."""

from __future__ import annotations

import pytest

from benchtui.runs.directory import RunDirectory
from benchtui.supervise.settings import SuperviseSettings
from tests.runs.scripted import Script, run, supervise, worker
from tests.supervise.pooled import CHUNKED, TWO, answered, warnings

__all__ = ["run", "worker"]

STRUCK = """
def at(doc):
    if {where}:
        take(run, doc); {strike}
answer_chunks(run, at)
"""
SEGMENTATION_FAULT = "os.kill(os.getpid(), signal.SIGSEGV)"


def asked(worker: Script) -> list[int]:
    """How many workers each slot has had, the most first."""
    return sorted((len(worker.calls_of(shard)) for shard in range(2)), reverse=True)


def test_a_document_that_kills_every_worker_is_given_up_on(worker: Script, run: RunDirectory) -> None:
    worker.install(CHUNKED, STRUCK.format(where="doc == 4", strike=SEGMENTATION_FAULT))
    (done,) = supervise(run, settings=TWO)
    assert (done.status, done.message) == ("partial", "Not answered: arc sample 4 (signal SIGSEGV).")
    assert answered(run) == set(range(10)) - {4}
    assert asked(worker) == [4, 1], "three died there, the fourth went without it, and no other slot was given it"
    said = "Gave up on arc sample 4 “Which” (scoring its answer): 3 workers in a row ended there (signal SIGSEGV). "
    assert said + "The run continues without it." in warnings(run)
    worker.install(CHUNKED, "answer_chunks(run)")
    (done,) = supervise(run, settings=TWO)
    assert (done.status, done.answered) == ("finished", 10), "it is asked again when the run is resumed"


@pytest.mark.long
def test_a_document_that_stops_every_worker_is_given_up_on(worker: Script, run: RunDirectory) -> None:
    worker.install(CHUNKED, STRUCK.format(where="doc == 4", strike="time.sleep(1000)"))
    (done,) = supervise(run, settings=SuperviseSettings(workers=2, timeout=5.0, grace=0.3))
    assert (done.status, done.message) == ("partial", "Not answered: arc sample 4 (no sign of life for 5s).")
    assert answered(run) == set(range(10)) - {4}
    assert asked(worker) == [4, 1]


def test_what_ends_the_workers_of_a_slot_wherever_they_are_ends_the_slot(worker: Script, run: RunDirectory) -> None:
    worker.install(CHUNKED, STRUCK.format(where="shard == 0", strike=SEGMENTATION_FAULT))
    (done,) = supervise(run, settings=TWO)
    assert worker.calls_of(0) == ["ask"] * 4
    lost = 10 - len(answered(run))
    assert done.status == ("failed" if lost else "finished")
    # The other slot is given all of it. Where that one was busy, three in a row may have died at the same document.
    assert lost == 0 or (lost == 1 and any("Gave up" in message for message in warnings(run)))


def test_being_killed_from_outside_says_nothing_of_a_document(worker: Script, run: RunDirectory) -> None:
    worker.install(CHUNKED, STRUCK.format(where="doc == 4", strike="os.kill(os.getpid(), signal.SIGKILL)"))
    (done,) = supervise(run, settings=TWO)
    assert done.status == "failed"
    assert not any("Gave up" in message for message in warnings(run))
