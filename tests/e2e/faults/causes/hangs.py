"""Workers that show no sign of life."""

from __future__ import annotations

from benchtui.runs.events import Warned
from tests.e2e.faults.drive import Place, done_record, events_of, results_of, same_results, samples_of
from tests.e2e.faults.kept import row, with_score
from tests.e2e.faults.table import Row, fault
from tests.e2e.faults.workshop import CHOICES, WRITES

TIMEOUT = "4s"


@fault("a document that hangs, and the same with --skip-stalled")
def hanging_document(place: Place) -> list[Row]:
    reference = place.merged()
    run = place.run("merged", timeout=TIMEOUT, env={"FAULT": "sleeps:score 20"})
    directory = run.newest_run()
    code = run.ended()
    assert code == 3, run.text
    done = done_record(directory)
    assert done.status == "timed out"
    assert "fault_writes sample 20 “Item 20:" in done.message
    assert "misfortune.py" in directory.stacks.read_text(), "the stacks say where it hangs"
    left = results_of(directory)["benchtui"]["documents"]
    assert 20 in left[WRITES]["unanswered"]
    assert left[CHOICES]["done"] == 0
    rows = [row("hang in one document", run, directory, code)]

    run = place.resume("--skip-stalled", timeout=TIMEOUT, env={"FAULT": "sleeps:score 20"})
    code = run.ended()
    assert code == 3, run.text
    done = done_record(directory)
    assert done.status == "partial"
    assert "fault_writes sample 20" in done.message
    assert results_of(directory)["benchtui"]["documents"][WRITES]["unanswered"] == [20]
    ours, theirs = samples_of(directory), samples_of(reference)
    assert theirs.keys() - ours.keys() == {(WRITES, "none", 20)}
    assert all(theirs[key]["resps"] == sample["resps"] for key, sample in ours.items())
    rows.append(row("… with --skip-stalled", run, directory, code))
    run = place.run("merged")  # nothing is wrong with it any more
    assert run.ended() == 0, run.text
    return with_score(rows, same_results(directory, reference))


@fault("a prompt that hangs")
def hanging_prompt(place: Place) -> list[Row]:
    reference = place.merged()
    run = place.run("merged", "--skip-stalled", timeout=TIMEOUT, env={"FAULT": "sleeps:prompt 7"})
    directory = run.newest_run()
    code = run.ended()
    assert code == 3, run.text
    assert "fault_writes sample 7" in done_record(directory).message
    assert results_of(directory)["benchtui"]["documents"][WRITES]["unanswered"] == [7]
    assert any(isinstance(e, Warned) and "building its prompt" in e.message for e in events_of(directory))
    found = row("hang while prompts are built", run, directory, code)
    run = place.resume()
    assert run.ended() == 0, run.text
    return with_score([found], same_results(directory, reference))


@fault("an endless loop while prompts are built", long_only=True)
def endless_prompt(place: Place) -> list[Row]:
    reference = place.merged()
    run = place.run("merged", timeout=TIMEOUT, env={"FAULT": "spins:prompt 7"})
    directory = run.newest_run()
    code = run.ended()
    assert code == 1, run.text
    assert "building its prompt" in done_record(directory).message
    found = row("endless loop while prompts are built", run, directory, code)
    run = place.resume()
    assert run.ended() == 0, run.text
    return with_score([found], same_results(directory, reference))


@fault("a worker that hangs at exit")
def hanging_exit(place: Place) -> list[Row]:
    reference = place.merged()
    run = place.run("merged", env={"FAULT": f"stuck at exit:{place.outputs / 'merged'}"})
    directory = run.newest_run()
    code = run.ended()
    assert code == 0, run.text
    assert done_record(directory).status == "finished"
    return with_score([row("hang at exit", run, directory, code)], same_results(directory, reference))
