"""Being asked to stop, by whatever signal, and terminals that close."""

from __future__ import annotations

import os
import signal
import time

from benchtui.runs.events import Watchdog
from tests.e2e.faults.drive import Place, Running, done_record, events_of, same_results
from tests.e2e.faults.kept import row, with_score
from tests.e2e.faults.table import Row, fault

ANSWERS_WITHIN = 0.2
"""Seconds."""


@fault("SIGTERM, Ctrl+C, Ctrl+C twice, SIGSTOP, SIGHUP")
def asked_to_stop(place: Place) -> list[Row]:
    """One run, stopped in another way each time it is resumed."""
    reference = place.merged()
    rows = []

    pause = place.pause(at=5)
    run = place.run("merged", env=pause.env)
    directory = run.paused(pause)
    run.send(signal.SIGTERM)
    run.until(lambda: "Stopping" in run.text)
    pause.release()
    code = run.ended()
    assert code == 130, run.text
    assert done_record(directory).status == "cancelled"
    assert done_record(directory).results, "what was answered is scored"
    rows.append(row("SIGTERM", run, directory, code))

    run = place.run("merged", on_terminal=True)
    run.until(lambda: "Go on with it?" in run.text)
    time.sleep(0.5)
    os.write(run.master, b"\x03")
    assert run.ended() == 130, "a question can be left as well"

    pause = place.pause(at=20)
    run = place.resume(env=pause.env, on_terminal=True)
    run.paused(pause)
    seconds = _press(run)
    pause.release()
    code = run.ended()
    assert code == 130, run.text
    assert seconds < ANSWERS_WITHIN, f"Ctrl+C was answered after {seconds:.3f} s"
    assert done_record(directory).status == "cancelled"
    assert done_record(directory).results
    rows.append(row(f"Ctrl+C, answered in {1000 * seconds:.0f} ms", run, directory, code))

    pause = place.pause(at=30)
    run = place.resume(env=pause.env | {"FAULT": "deaf"}, on_terminal=True)
    run.paused(pause)
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

    pause = place.pause(at=50)
    run = place.run("merged", timeout="4s", env=pause.env)
    run.paused(pause)
    os.kill(run.worker(directory), signal.SIGSTOP)
    pause.release()
    code = run.ended()
    assert code == 3, run.text
    assert done_record(directory).status == "timed out"
    states = [event.state for event in events_of(directory) if isinstance(event, Watchdog)]
    assert states[0] == "quiet"
    assert "terminating" in states
    rows.append(row("SIGSTOP of the worker", run, directory, code))

    pause = place.pause(at=60)
    run = place.resume(env=pause.env, on_terminal=True)
    run.paused(pause)
    os.close(run.master)
    time.sleep(0.5)
    pause.release()
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
    pause = place.pause(at=40)
    run = place.run("merged", env=pause.env)  # it waits for ever: neither flag nor signal gets through to it
    directory = run.paused(pause)
    run.send(signal.SIGTERM)
    run.until(lambda: not run.alive(run.worker(directory)), ended_is_fine=True)
    pause.release()
    code = run.ended()
    assert code == 130, run.text
    assert done_record(directory).results, "killed after its grace, then scored without the document it was stuck in"
    found = row("worker ignores SIGTERM", run, directory, code)
    run = place.resume()
    assert run.ended() == 0, run.text
    return with_score([found], same_results(directory, reference))
