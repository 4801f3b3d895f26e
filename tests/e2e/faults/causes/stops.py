"""Being asked to stop, by whatever signal, and terminals that close."""

from __future__ import annotations

import os
import signal
import time

from benchtui.runs.directory import RunDirectory
from tests.e2e.faults.drive import Place, Running, done_record, on_disk, same_results
from tests.e2e.faults.kept import answered_of
from tests.e2e.faults.table import Row, fault

PACE = {"FAULT_PACE": "0.04"}
ANSWERS_WITHIN = 0.2
"""Seconds."""


def _row(name: str, run: Running, directory: RunDirectory, code: int, resumed: str = "see below") -> Row:
    return Row(name, answered_of(directory), on_disk(directory), len(run.place.left()), code, resumed)


@fault("SIGTERM and Ctrl+C, one run")
def asked_to_stop(place: Place) -> list[Row]:
    reference = place.merged()
    rows = []

    run = place.run("merged", env=PACE)
    directory = run.answered(8)
    run.send(signal.SIGTERM)
    code = run.ended()
    assert code == 130, run.text
    assert done_record(directory).status == "cancelled"
    assert done_record(directory).results, "what was answered is scored"
    rows.append(_row("SIGTERM", run, directory, code))

    run = place.resume(env=PACE, on_terminal=True)
    run.answered(30, directory)
    seconds = _press(run)
    code = run.ended()
    assert code == 130, run.text
    assert seconds < ANSWERS_WITHIN, f"Ctrl+C was answered after {seconds:.3f} s"
    assert done_record(directory).status == "cancelled"
    assert done_record(directory).results
    rows.append(_row(f"Ctrl+C, answered in {1000 * seconds:.0f} ms", run, directory, code))

    run = place.resume(env=PACE | {"FAULT": "deaf"}, on_terminal=True)
    run.answered(60, directory)
    _press(run)
    time.sleep(0.5)
    pressed = time.monotonic()
    os.write(run.master, b"\x03")
    code = run.ended()
    seconds = time.monotonic() - pressed
    assert code == 130, run.text
    assert seconds < 3, f"a second Ctrl+C took {seconds:.1f} s"
    assert not done_record(directory).results, "killed at once: nothing is scored"
    rows.append(_row(f"Ctrl+C twice, over in {seconds:.1f} s", run, directory, code))

    run = place.resume()
    assert run.ended() == 0, run.text
    rows[-1] = _row(rows[-1].fault, run, directory, code, same_results(directory, reference))
    return rows


def _press(run: Running) -> float:
    """Type Ctrl+C on the run's terminal; seconds until it says something about stopping."""
    pressed = time.monotonic()
    os.write(run.master, b"\x03")
    run.until(lambda: "Stopping" in run.text, 10)
    return time.monotonic() - pressed


@fault("a worker that ignores SIGTERM")
def deaf_worker(place: Place) -> list[Row]:
    reference = place.merged()
    run = place.run("merged", env={"FAULT": "sleeps:score 1004"})  # neither flag nor signal gets through to it
    directory = run.answered(37)
    time.sleep(1)
    run.send(signal.SIGTERM)
    code = run.ended()
    assert code == 130, run.text
    before, answered, left = on_disk(directory), answered_of(directory), len(place.left())
    assert done_record(directory).results, "killed after its grace, then scored without the document it was stuck in"
    run = place.resume()
    assert run.ended() == 0, run.text
    return [Row("worker ignores SIGTERM", answered, before, left, code, same_results(directory, reference))]


@fault("SIGHUP: the terminal closes")
def terminal_closes(place: Place) -> list[Row]:
    reference = place.merged()
    run = place.run("merged", env=PACE, on_terminal=True)
    directory = run.answered(8)
    before = answered_of(directory)
    os.close(run.master)
    code = run.ended()
    assert code == 0
    assert (place.outputs / "merged" / "benchmarks" / "benchmark.json").is_file()
    return [Row("SIGHUP", before, on_disk(directory), len(place.left()), code, same_results(directory, reference))]
