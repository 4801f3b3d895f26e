"""The list of runs: right about each, and fast about a thousand."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from benchtui.errors import ExitCode
from benchtui.runs import events as ev
from benchtui.runs.listing import ListedRun, list_runs
from benchtui.runs.outcome import exit_code, next_step
from tests.run_stories import Story, dead_process, finish, launch, make_bench, make_run


def by_name(outputs: Path) -> dict[str, ListedRun]:
    return {run.name: run for run in list_runs(outputs)}


def test_running_shows_what_is_at_work_and_what_waits(tmp_path: Path) -> None:
    base, tuned = make_bench(tmp_path)
    for run in (base, tuned):
        launch(run, time.time() - 90)
    Story(tuned).tell(ev.WorkerStarted(pid=1))
    Story(base).start().load().open_task("ifeval").progress("ifeval", 213)
    listed = by_name(tmp_path)
    running, waiting = listed["my-llama/base"], listed["my-llama/2026-11-20T10-30-15"]
    assert (running.state, running.task, running.documents, running.documents_total) == ("running", "ifeval", 213, 541)
    assert running.seconds == pytest.approx(90, abs=5)
    assert running.next_step == "benchtui attach my-llama/base"
    assert (waiting.state, waiting.seconds, waiting.next_step) == ("waiting", None, "")
    assert (running.suite, running.tasks, running.role) == ("full", ("ifeval", "gsm8k", "mmlu"), "base")


def test_a_restarted_worker_has_begun_only_once_it_says_so(tmp_path: Path) -> None:
    base, _ = make_bench(tmp_path)
    launch(base)
    story = Story(base).start().load().open_task("ifeval").progress("ifeval", 9)
    story.tell(ev.WorkerEnded(exit_code=1, reason="failed"), ev.WorkerStarted(pid=2, attempt=2))
    assert by_name(tmp_path)["my-llama/base"].state == "waiting"
    story.tell(ev.Phase(name="starting"))
    assert by_name(tmp_path)["my-llama/base"].state == "running"


def test_a_run_that_died_says_how_far_it_came_and_how_to_go_on(tmp_path: Path) -> None:
    base, _ = make_bench(tmp_path)
    launch(base, time.time() - 1000, supervisor=dead_process())
    Story(base).start().load().open_task("gsm8k").progress("gsm8k", 77)
    died = by_name(tmp_path)["my-llama/base"]
    assert (died.state, died.task, died.documents) == ("died", "gsm8k", 77)
    assert died.next_step == "benchtui resume my-llama/base"


def test_ended_runs_from_their_record_alone(tmp_path: Path) -> None:
    base, _ = make_bench(tmp_path)
    launch(base)
    finish(base, "timed out", "No sign of life for 30min.")
    base.events.write_bytes(b"\xff" * 1000)
    listed = by_name(tmp_path)["my-llama/base"]
    assert (listed.state, listed.answered, listed.total) == ("timed out", 50, 100)
    assert (listed.message, listed.next_step) == ("No sign of life for 30min.", "benchtui resume my-llama/base")


def test_a_base_that_was_set_aside_is_not_offered_for_resuming(tmp_path: Path) -> None:
    run = make_run(tmp_path / "llama/benchmarks/base/previous/2026-01-01T00-00-00", "base")
    launch(run)
    finish(run, "cancelled")
    assert by_name(tmp_path)["llama/previous/2026-01-01T00-00-00"].next_step == ""


def test_a_copy_of_benchmarks_is_not_listed(tmp_path: Path) -> None:
    base, _ = make_bench(tmp_path)
    known = set(by_name(tmp_path))
    shutil.copytree(base.path.parent, base.path.parent.with_name("benchmarks-before"))
    assert set(by_name(tmp_path)) == known


def test_damaged_records_are_listed_with_what_is_wrong(tmp_path: Path) -> None:
    base, tuned = make_bench(tmp_path)
    for file in (base.plan_file, base.launch, base.done, base.events, tuned.launch, tuned.done, tuned.events):
        file.write_bytes(b"{" * 5000)
    listed = by_name(tmp_path)
    assert (listed["my-llama/base"].model, listed["my-llama/base"].state) == ("my-llama", "unreadable")
    assert "plan.json cannot be read" in listed["my-llama/base"].message
    assert listed["my-llama/2026-11-20T10-30-15"].state == "waiting"


def test_folders_that_cannot_be_read_are_listed_and_stop_nobody(tmp_path: Path) -> None:
    make_bench(tmp_path, "whole")
    circle = tmp_path / "circle/benchmarks/fine-tuned"
    circle.parent.mkdir(parents=True)
    circle.symlink_to(circle)
    for name in ("no-plan", "linked"):
        (tmp_path / f"torn/benchmarks/fine-tuned/{name}").mkdir(parents=True)
    (tmp_path / "torn/benchmarks/fine-tuned/no-plan/run").mkdir()
    records = tmp_path / "torn/benchmarks/fine-tuned/linked/run"
    records.symlink_to(records)
    listed = by_name(tmp_path)
    assert {name for name, run in listed.items() if run.state != "unreadable"} == {
        "whole/base", "whole/2026-11-20T10-30-15",
    }  # fmt: skip
    assert "Too many levels of symbolic links" in listed["circle/fine-tuned"].message
    assert "plan.json is missing" in listed["torn/no-plan"].message
    assert "plan.json" in listed["torn/linked"].message


def test_the_newest_first(tmp_path: Path) -> None:
    for number, model in enumerate(("old", "new", "middle")):
        for run in make_bench(tmp_path, model):
            launch(run, time.time() - (1000, 10, 500)[number])
    assert [run.model for run in list_runs(tmp_path)] == ["new", "new", "middle", "middle", "old", "old"]
    assert [run.role for run in list_runs(tmp_path)][:2] == ["fine-tuned", "base"]


def test_a_thousand_long_runs(tmp_path: Path) -> None:
    base, tuned = make_bench(tmp_path, "model-000")
    launch(tuned, supervisor=dead_process())
    story = Story(tuned).start().load().open_task("gsm8k")
    for done in range(5000):  # about a megabyte of events, as after a night
        story.progress("gsm8k", done % 1319)
    launch(base)
    finish(base)
    for number in range(1, 500):
        (tmp_path / f"model-{number:03}").mkdir()
        shutil.copytree(tmp_path / "model-000" / "benchmarks" / "base", tmp_path / f"model-{number:03}/benchmarks/base")
        copy = tmp_path / f"model-{number:03}/benchmarks/fine-tuned/2026-11-20T10-30-15"
        shutil.copytree(tuned.path, copy, ignore=shutil.ignore_patterns("events.jsonl"))
        (copy / "run/events.jsonl").hardlink_to(tuned.events)
    listed = list_runs(tmp_path)
    assert len(listed) == 1000
    assert {run.state for run in listed} == {"finished", "died"}
    assert {run.documents for run in listed if run.state == "died"} == {4999 % 1319}


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        (["finished", "finished"], ExitCode.DONE),
        (["finished", "partial"], ExitCode.PARTIAL),
        (["finished", "timed out"], ExitCode.PARTIAL),
        (["failed", "failed"], ExitCode.FAILED),
        (["finished", "cancelled"], ExitCode.INTERRUPTED),
        ([None], ExitCode.FAILED),
    ],
)
def test_exit_codes(tmp_path: Path, ends: list[str | None], code: ExitCode) -> None:
    runs = [make_run(tmp_path / str(number)) for number in range(len(ends))]
    for run, end in zip(runs, ends, strict=True):
        launch(run, supervisor=dead_process())
        if end is not None:
            finish(run, end)  # type: ignore[arg-type]
    assert exit_code(runs) == code


def test_next_steps() -> None:
    assert next_step("finished", "x") == ""
    assert next_step("running", "x") == "benchtui attach x"
    assert next_step("partial", "x") == "benchtui resume x"


def test_a_run_of_a_newer_benchtui_is_listed_as_such(tmp_path: Path) -> None:
    run = make_run(tmp_path / "outputs" / "model" / "benchmarks" / "fine-tuned" / "2026-11-20T10-30-15")
    run.plan_file.write_text('{"schema_version": 99, "tasks": {"a": 1}, "model_name": 5}')
    (listed,) = list_runs(tmp_path / "outputs")
    assert listed.newer
    assert listed.message == "made by a newer benchtui"
    assert listed.next_step == ""
