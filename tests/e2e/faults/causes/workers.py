"""Several workers for one run: one or all of them struck, their supervisor, and the files that they share."""

from __future__ import annotations

import os
import signal

from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import read_events
from benchtui.runs.events import Warned, WorkerStarted
from tests.e2e.faults.causes.memory import batch_sizes
from tests.e2e.faults.drive import Place, Running, events_of, on_disk, same_results
from tests.e2e.faults.kept import answered_of
from tests.e2e.faults.table import Row, fault

CLOSE = 1e-6
"""Relative: with several workers other documents are answered together."""


def workers(run: Running, directory: RunDirectory) -> dict[int, int]:
    """The process id of the worker in each slot that lives now, by the slot's number."""
    found = {}
    for files in directory.shards():
        started = [e for e in read_events(files.events) if isinstance(e, WorkerStarted) and e.t >= run.began]
        if started and run.alive(started[-1].pid):
            found[files.shard or 0] = started[-1].pid
    return found


def warnings(directory: RunDirectory) -> list[str]:
    return [event.message for event in events_of(directory) if isinstance(event, Warned)]


@fault("three workers: one killed, one that crashes, one stopped, all killed at once")
def struck_in_turn(place: Place) -> list[Row]:
    """One run: whoever is struck is replaced, and the run does not end."""
    reference = place.merged()
    pause = place.pause(at=10)
    run = place.run("merged", "--workers", "3", timeout="8s", env=pause.env)
    run.until(lambda: pause.reached(3))
    directory = run.newest_run()
    struck = []
    for name, slot, strike in (
        ("SIGKILL of one of three workers", 0, signal.SIGKILL),
        ("SIGSEGV of one of three workers", 1, signal.SIGSEGV),
        ("SIGSTOP of one of three workers", 2, signal.SIGSTOP),
    ):
        struck.append((name, answered_of(directory)))
        os.kill(workers(run, directory)[slot], strike)
    run.until(lambda: pause.reached(6))
    struck.append(("SIGKILL of all three workers", answered_of(directory)))
    for pid in workers(run, directory).values():
        os.kill(pid, signal.SIGKILL)
    pause.release()
    code = run.ended()
    assert code == 0, run.text
    assert batch_sizes(directory) == ["4"], "as it was asked for, however many share the memory"
    said = "\n".join(warnings(directory))
    assert "Worker 1 ended: failed (signal SIGKILL)." in said
    assert "Worker 2 ended: failed (signal SIGSEGV)." in said
    assert "Worker 3 ended: timed out" in said
    left, kept = len(place.left()), on_disk(directory)
    resumed = same_results(directory, reference, tolerance=CLOSE)
    return [Row(name, answered, kept, left, code, resumed) for name, answered in struck]
