"""`benchtui hybrid defer` on real runs of the demo's two models: what it says of a threshold is what a run at that
threshold gives, for choices and for written answers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchtui.compare.hybrid.defer import deferred
from benchtui.demo.workspace import BASE_NAME, SMALL_NAME, demo_paths, open_workspace
from benchtui.results.read import read_run
from benchtui.results.records import RunResults
from benchtui.routing.sweeps.records import Sweep

ASK = ["--include-path", str(demo_paths().tasks), "--device", "cpu", "--no-base"]
CHOICES, TEXTS = "demo_knowledge", "demo_instructions"
pytestmark = pytest.mark.slow


def benchtui(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "benchtui", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, timeout=250)
    assert ran.returncode == 0, ran.stderr[-3000:]
    return ran.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both models with a run of both tasks."""
    root = open_workspace(tmp_path_factory.mktemp("demo") / "d").root
    for name in (SMALL_NAME, BASE_NAME):
        (root / "models" / name).rename(root / "outputs" / name)
        benchtui(root, "run", "--model", name, "--tasks", f"{CHOICES},{TEXTS}", *ASK)
    return root


def run_of(folder: Path, model: str) -> RunResults:
    return read_run(max((folder / "outputs" / model / "benchmarks" / "fine-tuned").glob("2*")))


def swept(folder: Path, *thresholds: float) -> Sweep:
    runs = run_of(folder, SMALL_NAME), run_of(folder, BASE_NAME)
    return deferred(*runs, folder / "outputs", thresholds)


def scores(sweep: Sweep, task: str, threshold: float) -> dict[str, float]:
    found = next(each for each in sweep.tasks if each.task == task)
    (place,) = (n for n, each in enumerate(found.thresholds) if each.asked == threshold)
    return {each.metric: sum(each.scores[place]) / len(found.doc_ids) for each in found.metrics}


def run_at(folder: Path, task: str, threshold: float) -> RunResults:
    both = ["--small", SMALL_NAME, "--large", BASE_NAME, "--strategy", "defer", "--threshold", f"{threshold}"]
    benchtui(folder, "hybrid", "run", *both, "--tasks", task, *ASK)
    return run_of(folder, f"{SMALL_NAME}+{BASE_NAME}")


def test_choices_at_a_threshold_are_those_of_a_run_at_it(folder: Path) -> None:
    found = scores(swept(folder, 0.7), CHOICES, 0.7)
    run = run_at(folder, CHOICES, 0.7)
    assert found == pytest.approx({each.metric: each.value for each in run.scores_of(CHOICES)})
    small, large = (run_of(folder, name).score(CHOICES, "acc", "none") for name in (SMALL_NAME, BASE_NAME))
    assert small is not None
    assert large is not None
    assert small.value < found["acc"] < large.value, "the threshold is none of both ends"


def test_written_answers_need_a_reading_of_the_small_model_and_then_are_those_of_a_run(folder: Path) -> None:
    before = swept(folder, 0.9)
    assert [task.task for task in before.tasks] == [CHOICES]
    (said,) = (note for note in before.notes if TEXTS in note)
    command = said.partition(": benchtui ")[2].split()
    benchtui(folder, *command, "--device", "cpu")
    found = scores(swept(folder, 0.9), TEXTS, 0.9)
    run = run_at(folder, TEXTS, 0.9)
    assert found == pytest.approx({each.metric: each.value for each in run.scores_of(TEXTS)})


def test_what_is_printed_is_what_json_has(folder: Path) -> None:
    found: dict[str, Any] = json.loads(benchtui(folder, "hybrid", "defer", SMALL_NAME, BASE_NAME, "--json"))
    said = benchtui(folder, "hybrid", "defer", SMALL_NAME, BASE_NAME)
    assert (found["small"], found["large"]) == (SMALL_NAME, BASE_NAME)
    main = found["tasks"][0]["metrics"][0]
    assert main["metric"] == "acc_norm"
    for place in (main["small"], *main["places"], main["large"]):
        assert f"{100 * place['score']['value']:.1f} ±" in said
