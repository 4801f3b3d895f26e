"""Workers that show no sign of life."""

from __future__ import annotations

import os
import signal

from benchtui.runs.events import Warned, Watchdog
from tests.e2e.faults.drive import (
    Place,
    done_record,
    events_of,
    on_disk,
    results_of,
    same_results,
    samples_of,
)
from tests.e2e.faults.kept import answered_of
from tests.e2e.faults.table import Row, fault
from tests.e2e.faults.workshop import CHOICES, WRITES

PACE = {"FAULT_PACE": "0.03"}
TIMEOUT = "4s"


@fault("SIGSTOP of the worker")
def stopped_worker(place: Place) -> list[Row]:
    reference = place.merged()
    run = place.run("merged", timeout=TIMEOUT, env=PACE)
    directory = run.answered(12)
    os.kill(run.worker(directory), signal.SIGSTOP)
    code = run.ended()
    assert code == 3, run.text
    assert done_record(directory).status == "timed out"
    states = [event.state for event in events_of(directory) if isinstance(event, Watchdog)]
    assert states[0] == "quiet"
    assert "terminating" in states
    before, answered, left = on_disk(directory), answered_of(directory), len(place.left())
    again = place.resume()
    assert again.ended() == 0, again.text
    return [Row("SIGSTOP of the worker", answered, before, left, code, same_results(directory, reference))]


@fault("a document that hangs, and the same with --skip-stalled")
def hanging_document(place: Place) -> list[Row]:
    reference = place.merged()
    run = place.run("merged", timeout=TIMEOUT, env={"FAULT": "sleeps:score 20"})
    directory = run.newest_run()
    code = run.ended()
    assert code == 3, run.text
    done = done_record(directory)
    assert done.status == "timed out"
    assert "fault_writes document 20 “Item 20:" in done.message
    assert "misfortune.py" in directory.stacks.read_text(), "the stacks say where it hangs"
    left = results_of(directory)["benchtui"]["documents"]
    assert 20 in left[WRITES]["unanswered"]
    assert left[CHOICES]["done"] == 0
    rows = [
        Row("hang in one document", answered_of(directory), on_disk(directory), len(place.left()), code, "see below")
    ]

    run = place.resume("--skip-stalled", timeout=TIMEOUT, env={"FAULT": "sleeps:score 20"})
    code = run.ended()
    assert code == 3, run.text
    done = done_record(directory)
    assert done.status == "partial"
    assert "fault_writes document 20" in done.message
    assert results_of(directory)["benchtui"]["documents"][WRITES]["unanswered"] == [20]
    ours, theirs = samples_of(directory), samples_of(reference)
    assert theirs.keys() - ours.keys() == {(WRITES, "none", 20)}
    assert all(theirs[key]["resps"] == sample["resps"] for key, sample in ours.items())
    before, answered, left = on_disk(directory), answered_of(directory), len(place.left())
    run = place.run("merged")  # nothing is wrong with it any more
    assert run.ended() == 0, run.text
    rows.append(Row("… with --skip-stalled", answered, before, left, code, same_results(directory, reference)))
    return rows


@fault("a prompt that hangs, and a choice that spins")
def hanging_prompt(place: Place) -> list[Row]:
    reference = place.merged()
    run = place.run("merged", "--skip-stalled", timeout=TIMEOUT, env={"FAULT": "sleeps:prompt 7"})
    directory = run.newest_run()
    code = run.ended()
    assert code == 3, run.text
    assert "fault_writes document 7" in done_record(directory).message
    assert results_of(directory)["benchtui"]["documents"][WRITES]["unanswered"] == [7]
    assert any(isinstance(e, Warned) and "building its prompt" in e.message for e in events_of(directory))
    rows = [Row("hang while prompts are built", answered_of(directory), on_disk(directory), 0, code, "see below")]

    run = place.resume(timeout=TIMEOUT, env={"FAULT": "spins:prompt 7"})
    code = run.ended()
    assert code == 3, run.text
    assert "building its prompt" in done_record(directory).message
    before, answered, left = on_disk(directory), answered_of(directory), len(place.left())
    run = place.resume()
    assert run.ended() == 0, run.text
    rows.append(
        Row("endless loop while prompts are built", answered, before, left, code, same_results(directory, reference))
    )
    return rows


@fault("a worker that hangs at exit")
def hanging_exit(place: Place) -> list[Row]:
    reference = place.merged()
    run = place.run("merged", env={"FAULT": f"stuck at exit:{place.outputs / 'merged'}"})
    directory = run.newest_run()
    code = run.ended()
    assert code == 0, run.text
    assert done_record(directory).status == "finished"
    resumed = same_results(directory, reference)
    return [Row("hang at exit", answered_of(directory), on_disk(directory), len(place.left()), code, resumed)]
