"""A worker loads the tasks of people's data that its run was planned with, or none."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from benchtui.errors import BenchtuiError
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.tasks.catalogue import load_catalogue
from benchtui.tasks.data.spec import DataSpec
from benchtui.tasks.resolve import resolve
from benchtui.tasks.suites import TaskPlan
from benchtui.worker.benchmark.tasks.load import load_tasks
from tests.tasks.data.made import make
from tests.worker.instances import small_plan

ROWS = [{"question": "q", "answer": "a"}, {"question": "r", "answer": "b"}]


def planned(tmp_path: Path) -> BenchmarkPlan:
    made = make(tmp_path, ROWS)
    catalogue, name = load_catalogue([tmp_path / "tasks"]).with_file(made.file)
    resolved = resolve(catalogue, [name])
    return msgspec.structs.replace(
        small_plan(tmp_path),
        tasks=(TaskPlan(name),),
        data=(DataSpec(name=name, source=str(tmp_path / "mine.jsonl")),),
        task_files=dict(resolved.task_files),
        task_digests=dict(resolved.digests),
        leaves=dict(resolved.leaves),
    )


def test_a_task_that_another_run_has_written_over_is_refused(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    assert [task.documents for task in load_tasks(plan, {}, lambda _: None).tasks] == [2]
    make(tmp_path, [{"question": "q", "answer": "b"}])
    with pytest.raises(BenchtuiError, match="mine is not the one that this run was planned with") as refused:
        load_tasks(plan, {}, lambda _: None)
    assert refused.value.next_step == "Start the run again."
    make(tmp_path, ROWS)
    assert [task.documents for task in load_tasks(plan, {}, lambda _: None).tasks] == [2]
    (tmp_path / "tasks" / "mine.yaml").unlink()
    with pytest.raises(BenchtuiError, match="is not the one"):
        load_tasks(plan, {}, lambda _: None)


def test_a_task_that_is_written_over_while_it_is_loaded_is_refused(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    with pytest.raises(BenchtuiError, match="is not the one"):
        load_tasks(plan, {}, lambda _: make(tmp_path, [{"question": "q", "answer": "b"}]) and None)
