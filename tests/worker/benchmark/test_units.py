"""What is decided early as one, over real lm-eval groups."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.results.records import EarlyStop
from benchtui.tasks.catalogue import load_catalogue
from benchtui.tasks.resolve import resolve
from benchtui.tasks.suites import TaskPlan
from benchtui.worker.benchmark.tasks.load import LoadedTasks, load_tasks
from benchtui.worker.benchmark.tasks.units import Unit, asked_together, units
from tests.runs.laid_out import TASK
from tests.worker.instances import small_plan

MEAN = "aggregate_metric_list:\n  - {metric: acc, weight_by_size: true}\n"
GROUPS = {
    "by_size": f"group: by_size\ntask: [one, two]\n{MEAN}",
    "each_alike": "group: each_alike\ntask: [one, two]\naggregate_metric_list:\n"
    "  - {metric: acc, weight_by_size: false}\n",
    "preferred": "group: preferred\ntask: [one, two]\naggregate_metric_list:\n"
    "  - {metric: acc, weight_by_size: true}\n  - {metric: acc_norm, weight_by_size: true}\n",
    "only_a_name": "group: only_a_name\ntask: [one, two]\n",
    "nested": f"group: nested\ntask: [by_size, three]\n{MEAN}",
    "a_name_around": "group: a_name_around\ntask: [three, by_size]\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    (tasks / "questions.jsonl").write_text('{"question": "Which?"}\n' * 3)
    for name in ("one", "two", "three"):
        (tasks / f"{name}.yaml").write_text(TASK.format(name=name, data=tasks / "questions.jsonl"))
    for name, text in GROUPS.items():
        (tasks / f"{name}.yaml").write_text(text)
    return tasks


def loaded(folder: Path, plan: BenchmarkPlan, name: str) -> LoadedTasks:
    resolved = resolve(load_catalogue([folder]), [name])
    wanted = msgspec.structs.replace(
        plan,
        tasks=(TaskPlan(name),),
        task_files=dict(resolved.task_files),
        leaves=dict(resolved.leaves),
    )
    return load_tasks(wanted, {}, lambda _: None)


def found(folder: Path, tmp_path: Path, name: str) -> list[Unit]:
    tasks = loaded(folder, small_plan(tmp_path), name)
    return list(units(tasks.tasks, tasks.groups))


def named(unit: Unit) -> tuple[str, ...]:
    return (unit.name, *(leaf.name for leaf in unit.leaves))


def test_a_task_is_a_unit(folder: Path, tmp_path: Path) -> None:
    (unit,) = found(folder, tmp_path, "one")
    assert (named(unit), unit.metric, unit.in_full) == (("one", "one"), None, "")


@pytest.mark.parametrize(("name", "metric"), [("by_size", "acc"), ("preferred", "acc_norm")])
def test_a_group_is_one_by_the_metric_that_stands_for_it(folder: Path, tmp_path: Path, name: str, metric: str) -> None:
    (unit,) = found(folder, tmp_path, name)
    assert named(unit) == (name, "one", "two")
    assert unit.metric == (metric, "none")
    assert not unit.in_full


def test_the_outermost_group_decides(folder: Path, tmp_path: Path) -> None:
    (unit,) = found(folder, tmp_path, "nested")
    assert named(unit) == ("nested", "one", "two", "three")


def test_a_group_whose_tasks_count_alike_needs_every_document(folder: Path, tmp_path: Path) -> None:
    (unit,) = found(folder, tmp_path, "each_alike")
    assert unit.in_full == "its score is no mean over all its samples"


def test_a_group_without_a_score_is_only_a_name(folder: Path, tmp_path: Path) -> None:
    assert [named(unit) for unit in found(folder, tmp_path, "only_a_name")] == [("one", "one"), ("two", "two")]
    assert [named(unit) for unit in found(folder, tmp_path, "a_name_around")] == [
        ("three", "three"),
        ("by_size", "one", "two"),
    ]


def test_a_base_scored_without_a_model_keeps_the_unit_that_was_decided(folder: Path, tmp_path: Path) -> None:
    """Its own plan never asks for that: it is the fine-tuned model's run that decides for both."""
    plan = small_plan(tmp_path)
    assert plan.decide_early is None
    tasks, decided = (
        loaded(folder, plan, "by_size"),
        {"by_size": EarlyStop("by_size", "acc", "none", "higher", 24, 500, 0.5, 0.1, 0.9, 0.02, 0.04)},
    )
    assert [named(unit) for unit in asked_together(plan, tasks, decided)] == [("by_size", "one", "two")]
    assert [named(unit) for unit in asked_together(plan, tasks, {})] == [("one", "one"), ("two", "two")]
