"""Several processes and several runs: two at once, in the background, pairs that share a worker."""

from __future__ import annotations

import os
import signal
import time

from benchtui.runs.records import read_done
from tests.e2e.faults.drive import Place, done_record, on_disk, same_results
from tests.e2e.faults.kept import answered_of, row, with_score
from tests.e2e.faults.table import Row, fault
from tests.e2e.faults.workshop import DOCUMENTS

MOST_MEMORY = 150_000_000


@fault("two at once, and a lock that is stale")
def two_at_once(place: Place) -> list[Row]:
    reference = place.merged()
    pause = place.pause(at=8)
    run = place.run("merged", env=pause.env)
    directory = run.paused(pause)
    for second in (place.run("merged"), place.resume(str(directory.path)), place.resume("merged")):
        code = second.ended()
        assert code == 1, second.text
        assert f"process {run.process.pid} on" in second.text or "is running" in second.text, second.text
        assert "benchtui attach" in second.text or "benchtui cancel" in second.text
    run.send(signal.SIGKILL)
    run.ended()
    answered, before, left = answered_of(directory), on_disk(directory), len(place.left())
    assert (directory.path.parents[1] / ".lock").is_file(), "the lock file is still there"
    first, other = place.resume(), place.resume()  # at the same moment: one of them wins
    codes = sorted((first.ended(), other.ended()))
    assert codes == [0, 1], first.text + other.text
    return [Row("two at once; stale lock", answered, before, left, code, same_results(directory, reference))]


@fault("in the background: detached, listed, watched, cancelled")
def in_the_background(place: Place) -> list[Row]:
    reference = place.merged()
    pause = place.pause(at=12)
    started = place.run("merged", "--detach", env=pause.env)
    began = time.monotonic()
    assert started.ended() == 0, started.text
    (directory,) = place.runs("merged")
    assert directory.launch.is_file(), f"returned after {time.monotonic() - began:.1f} s without a launch record"
    assert str(directory.path) in started.text
    watching = place.start("attach", str(directory.path))
    listed = place.start("runs")
    assert listed.ended() == 0
    assert "running" in listed.text, listed.text
    watching.until(lambda: "evaluating" in watching.text)
    watching.until(pause.reached)
    cancelled = place.start("cancel", str(directory.path))
    cancelled.until(lambda: "Stopping" in cancelled.text)
    time.sleep(0.5)
    pause.release()
    code = cancelled.ended()
    assert code == 0, cancelled.text
    watching.ended()
    record = done_record(directory)
    assert record.status == "cancelled"
    answered, before, left = answered_of(directory), on_disk(directory), len(place.left())
    again = place.resume("merged")
    assert again.ended() == 0, again.text
    return [Row("detach, attach, cancel", answered, before, left, code, same_results(directory, reference))]


@fault("a worker that leaves processes behind")
def grandchildren(place: Place) -> list[Row]:
    reference = place.merged()
    pause = place.pause(at=36)
    run = place.run("merged", env=pause.env | {"FAULT": "spawns:score 3"})
    directory = run.paused(pause)
    assert len(place.left()) >= 4, "supervisor, worker and the two that it started"
    run.send(signal.SIGKILL)
    run.ended()
    rows = [row("grandchildren, supervisor killed", run, directory, "SIGKILL")]
    run = place.resume(env={"FAULT": "spawns:score 1003"})
    code = run.ended()
    assert code == 0, run.text
    rows.append(row("grandchildren, worker done", run, directory, code))
    return with_score(rows, same_results(directory, reference))


@fault("a pair that shares a worker, struck in its second half")
def pair(place: Place) -> list[Row]:
    base_reference, reference = place.lora()
    pause = place.pause(at=sum(DOCUMENTS.values()) + 30)
    run = place.run("lora", env=pause.env)
    run.paused(pause)
    base, tuned = place.base("lora"), place.runs("lora")[0]
    run.until(lambda: read_done(base))
    assert read_done(base), "the base is done as soon as its results are there, not only when the worker ends"
    os.kill(run.worker(tuned), signal.SIGKILL)
    pause.release()
    code = run.ended()
    assert code == 3, run.text
    assert done_record(base).status == "finished"
    assert done_record(tuned).status == "failed"
    rows = [row("pair: worker killed in the second", run, tuned, code)]

    pause = place.pause(at=40)
    run = place.run("lora", env=pause.env)
    run.paused(pause)
    os.kill(run.worker(tuned), signal.SIGKILL)
    run.until(lambda: pause.reached(2))  # by the worker that scores what the other left
    run.send(signal.SIGKILL)
    run.ended()
    rows.append(row("pair: all killed while it is scored", run, tuned, "SIGKILL"))

    run = place.resume("lora")
    assert run.ended() == 0, run.text
    assert run.peak < MOST_MEMORY, f"the supervising process grew to {run.peak} bytes"
    same_results(base, base_reference)
    return with_score(rows, same_results(tuned, reference))
