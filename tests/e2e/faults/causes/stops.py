"""Being asked to stop, by whatever signal, and terminals that close."""

from __future__ import annotations

import os
import signal
import time

from benchtui.runs.events import Watchdog
from tests.e2e.faults.drive import Place, Running, done_record, events_of, same_results
from tests.e2e.faults.kept import row, with_score
from tests.e2e.faults.table import Row, fault

PACE = {"FAULT_PACE": "0.04"}
ANSWERS_WITHIN = 0.2
"""Seconds."""


@fault("SIGTERM, Ctrl+C, Ctrl+C twice, SIGSTOP, SIGHUP")
def asked_to_stop(place: Place) -> list[Row]:
    """One run, stopped in another way each time it is resumed."""
    reference = place.merged()
    rows = []

    run = place.run("merged", env=PACE)
    directory = run.answered(8)
    run.send(signal.SIGTERM)
    code = run.ended()
    assert code == 130, run.text
    assert done_record(directory).status == "cancelled"
    assert done_record(directory).results, "what was answered is scored"
    rows.append(row("SIGTERM", run, directory, code))

    run = place.run("merged", on_terminal=True)
    run.until(lambda: "Go on with it?" in run.text)
    os.write(run.master, b"\x03")
    assert run.ended() == 130, "a question can be left as well"

    run = place.resume(env=PACE, on_terminal=True)
    run.answered(30, directory)
    seconds = _press(run)
    code = run.ended()
    assert code == 130, run.text
    assert seconds < ANSWERS_WITHIN, f"Ctrl+C was answered after {seconds:.3f} s"
    assert done_record(directory).status == "cancelled"
    assert done_record(directory).results
    rows.append(row(f"Ctrl+C, answered in {1000 * seconds:.0f} ms", run, directory, code))

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
    rows.append(row(f"Ctrl+C twice, over in {seconds:.1f} s", run, directory, code))

    run = place.run("merged", timeout="4s", env=PACE)
    run.answered(80, directory)
    os.kill(run.worker(directory), signal.SIGSTOP)
    code = run.ended()
    assert code == 3, run.text
    assert done_record(directory).status == "timed out"
    states = [event.state for event in events_of(directory) if isinstance(event, Watchdog)]
    assert states[0] == "quiet"
    assert "terminating" in states
    rows.append(row("SIGSTOP of the worker", run, directory, code))

    run = place.resume(env=PACE, on_terminal=True)
    run.answered(100, directory)
    os.close(run.master)
    code = run.ended()
    assert code == 0, "it goes on without its terminal, to the end"
    assert (place.outputs / "merged" / "benchmarks" / "benchmark.json").is_file()
    rows.append(row("SIGHUP: the terminal closes", run, directory, code))
    return with_score(rows, same_results(directory, reference))


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
    assert done_record(directory).results, "killed after its grace, then scored without the document it was stuck in"
    found = row("worker ignores SIGTERM", run, directory, code)
    run = place.resume()
    assert run.ended() == 0, run.text
    return with_score([found], same_results(directory, reference))
