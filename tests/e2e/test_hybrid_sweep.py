"""A sweep over the thresholds of two really trained models, against separate runs at five of its points."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchtui.demo.workspace import BASE_NAME, SMALL_NAME, demo_paths, open_workspace
from benchtui.routing.sweeps.records import Sweep, SweptTask, read_sweep
from tests.e2e.commands import benchtui, results_in, samples_in

TASKS = ("demo_instructions", "demo_knowledge")
THRESHOLDS = "0.05,0.3,0.6,p80,0.95"
LIMIT = 25


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo") / "demo"
    open_workspace(root)
    return root


def hybrid(demo: Path, command: str, *more: str) -> Any:
    return benchtui(
        "hybrid", command, "--small", f"models/{SMALL_NAME}", "--large", f"models/{BASE_NAME}", "--include-path",
        demo_paths().tasks, "--tasks", ",".join(TASKS), "--limit", str(LIMIT), "--dtype", "float32", "--device", "cpu",
        *more, cwd=demo,
    )  # fmt: skip


def folder_of(demo: Path, kind: str) -> Path:
    return max((demo / "outputs" / f"{SMALL_NAME}+{BASE_NAME}" / kind).iterdir())


@pytest.fixture(scope="module")
def swept(demo: Path) -> Sweep:
    done = hybrid(demo, "sweep", "--thresholds", THRESHOLDS)
    assert done.code == 0, done.err
    return read_sweep(folder_of(demo, "sweeps"))


def rows(task: SweptTask) -> list[tuple[float, int]]:
    """Every threshold with its row in the scores: both models alone are the first and the last."""
    return [(float("inf"), -1), *((each.value, row) for row, each in enumerate(task.thresholds)), (-1.0, -2)]


@pytest.mark.slow
def test_five_points_and_both_ends_are_those_of_separate_runs_to_the_last_digit(demo: Path, swept: Sweep) -> None:
    different = set()
    for task in swept.tasks:
        assert len(task.thresholds) == 5
        for threshold, row in rows(task):
            run = separate(demo, task.task, threshold)
            results, samples = results_in(run / "lm-eval")["results"][task.task], samples_in(run / "lm-eval", task.task)
            for metric in task.metrics:
                scores = metric.small if row == -1 else metric.large if row == -2 else metric.scores[row]
                theirs = [float(sample[metric.metric]) for sample in samples if sample["filter"] == metric.filter]
                assert list(scores) == theirs, (task.task, metric.metric, threshold)
                assert sum(scores) / len(scores) == results[f"{metric.metric},{metric.filter}"]
                different.add((task.task, metric.metric, tuple(scores)))
    assert len(different) > 8  # the models do differ, and points between them


def separate(demo: Path, task: str, threshold: float) -> Path:
    done = hybrid(
        demo, "run", "--tasks", task, "--threshold", repr(threshold), "--no-resume", "--no-readme",
    )  # fmt: skip
    assert done.code == 0, done.err
    return folder_of(demo, "benchmarks/fine-tuned")
