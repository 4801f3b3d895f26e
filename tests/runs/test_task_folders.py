"""The folder of task code in the command that is shown for a resume."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import msgspec
import pytest

from benchtui.plans.plan import write_plan
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.benchmark.task_folders import own_task_folders
from benchtui.runs.listing import list_runs
from benchtui.runs.outcome import step_after
from tests.cli.results_commands import benchtui
from tests.runs.laid_out import Laid, answer, end


def unfinished(laid: Laid) -> RunDirectory:
    runs = laid.lay_out()
    assert runs.base is not None
    for run in (runs.base, runs.fine_tuned):
        answer(run, 1)
        end(run, "cancelled")
    return runs.fine_tuned


def change(run: RunDirectory, **changes: Any) -> None:
    write_plan(run.plan_file, msgspec.structs.replace(run.plan(), **changes))


def test_the_next_step_gives_the_folder_again(laid: Laid) -> None:
    run = unfinished(laid)
    expected = f"benchtui resume --include-path {laid.tasks} tuned/{run.path.name}"
    assert step_after("cancelled", run, f"tuned/{run.path.name}") == expected
    listed = next(found for found in list_runs(laid.outputs) if found.path == str(run.path))
    assert listed.next_step == expected
    refused = benchtui("resume", "--outputs", laid.outputs, f"tuned/{run.path.name}")
    assert refused.code == 1
    assert expected in refused.err, "the same command, with the run's name"


def test_lm_evals_tasks_need_none(laid: Laid) -> None:
    run = unfinished(laid)
    change(run, include_paths=(), task_files={"ifeval": "/somewhere/lm_eval/tasks/ifeval/ifeval.yaml"})
    assert own_task_folders(run.plan()) == []
    assert step_after("died", run, "m/x") == "benchtui resume m/x"


@pytest.mark.parametrize("place", ["outputs/tuned/tasks", "relative", "gone"])
def test_what_may_have_come_with_the_run_is_not_put_into_the_command(laid: Laid, place: str) -> None:
    run = unfinished(laid)
    folder = Path("tasks") if place == "relative" else laid.folder / place
    if place != "gone":
        (laid.folder / folder).mkdir(parents=True, exist_ok=True)
    change(run, include_paths=(str(folder),), task_files={"laid_first": str(folder / "first.yaml")})
    assert own_task_folders(run.plan()) == [str(folder)]
    assert "--include-path" not in step_after("cancelled", run, "m/x")


def test_odd_names_are_quoted(laid: Laid) -> None:
    run = unfinished(laid)
    folder = laid.folder / "my 'tasks'; touch x"
    folder.mkdir()
    change(run, include_paths=(str(folder),), task_files={"laid_first": str(folder / "first.yaml")})
    step = step_after("cancelled", run, "-odd name")
    assert shlex.split(step) == ["benchtui", "resume", "--include-path", str(folder), "--", "-odd name"]
