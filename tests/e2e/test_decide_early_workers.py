"""Deciding early with several workers: the same decisions, by the same documents, as one worker makes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchtui.demo.workspace import TASKS, Workspace, demo_paths, open_workspace
from benchtui.runs.journal.journal import answered_requests
from tests.e2e.commands import Finished, benchtui, results_in, samples_in

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return open_workspace(tmp_path_factory.mktemp("demo"))


def run(demo: Workspace, *flags: str) -> tuple[Finished, Path]:
    """Run, and the fine-tuned model's newest run."""
    arguments = ["--outputs", demo.outputs, "--base", demo.base, "--offline", "--no-readme"]
    arguments += ["--include-path", demo_paths().tasks, "--tasks", ",".join(TASKS)]
    finished = benchtui("run", *arguments, *flags, cwd=demo.root)
    assert finished.code == 0, finished.err
    return finished, max((demo.model / "benchmarks" / "fine-tuned").iterdir())


def told(results: Mapping[str, Any]) -> dict[str, Any]:
    """What result files say of the scores: all but when and how fast they were made."""
    ours = {name: value for name, value in results["benchtui"].items() if name not in ("speed", "health", "looked_at")}
    return {name: results[name] for name in ("results", "n-samples", "task_hashes", "config")} | {"benchtui": ours}


def health(results: Mapping[str, Any]) -> dict[str, Any]:
    """Without the fingerprints, which have every digit of a log-likelihood."""
    found = results["benchtui"]["health"]
    return {task: {name: of[name] for name in of if name != "fingerprint"} for task, of in found.items()}


@pytest.fixture(scope="module")
def alone(demo: Workspace) -> Path:
    run(demo)
    return run(demo, "--decide-early")[1]


@pytest.mark.parametrize("workers", [2, pytest.param(4, marks=pytest.mark.long)])
def test_the_decisions_are_those_of_one_worker_to_the_last_digit(demo: Workspace, alone: Path, workers: int) -> None:
    finished, newest = run(demo, "--decide-early", "--workers", str(workers))
    one, many = results_in(alone / "lm-eval"), results_in(newest / "lm-eval")
    assert set(many["benchtui"]["decide_early"]) == set(TASKS)
    assert many["benchtui"]["decide_early"] == one["benchtui"]["decide_early"]
    assert told(many) == told(one), "whatever was answered beyond the decision is no part of the scores"
    assert health(many) == health(one)
    for task in TASKS:
        asked = [[(s["doc_id"], s["prompt_hash"]) for s in samples_in(of / "lm-eval", task)] for of in (alone, newest)]
        assert asked[0] == asked[1]
    done = json.loads((newest / "run" / "done.json").read_text())
    assert (done["status"], done["early"], done["documents"]) == ("finished", True, 96)
    assert done["answered"] == answered_requests(newest / "run" / "journal.sqlite"), "and is kept"
    sentences = [line.partition(" ")[2] for line in finished.err.splitlines() if "decided early" in line]
    assert len(sentences) == len(TASKS)
    assert "no longer" not in finished.err


@pytest.mark.long
def test_a_base_that_is_evaluated_first_decides_as_one_that_was_there(demo: Workspace, alone: Path) -> None:
    _, newest = run(demo, "--decide-early", "--rerun-base", "--workers", "2")
    one, many = results_in(alone / "lm-eval"), results_in(newest / "lm-eval")
    assert many["benchtui"]["decide_early"] == one["benchtui"]["decide_early"]
    assert many["results"] == one["results"]


@pytest.mark.long
def test_without_the_bases_scores_all_is_asked_and_that_is_said(demo: Workspace, alone: Path) -> None:
    (samples,) = (demo.model / "benchmarks" / "base" / "lm-eval").glob("samples_demo_knowledge_*")
    whole = samples.read_bytes()
    samples.write_bytes(whole[: len(whole) // 2])
    try:
        finished, newest = run(demo, "--decide-early", "--workers", "2")
    finally:
        samples.write_bytes(whole)
    assert finished.err.count("demo_knowledge cannot stop early: the base run has no complete scores on it") == 1
    found = results_in(newest / "lm-eval")
    assert set(found["benchtui"]["decide_early"]) == {"demo_instructions"}
    assert found["n-samples"]["demo_knowledge"]["effective"] == 200


@pytest.mark.long
def test_a_run_that_was_killed_decides_the_same_when_it_is_resumed(demo: Workspace, alone: Path) -> None:
    """By a worker of its own, from answers that several gave, also beyond the decision."""
    _, newest = run(demo, "--decide-early", "--workers", "2")
    one = results_in(newest / "lm-eval")
    for file in (newest / "lm-eval").iterdir():
        file.unlink()
    (newest / "run" / "done.json").unlink()  # as after a kill before the results were written
    resumed = benchtui("resume", newest, "--no-readme", "--include-path", demo_paths().tasks, cwd=demo.root)
    assert resumed.code == 0, resumed.err
    again = results_in(newest / "lm-eval")
    assert told(again) == told(one)
    assert again["benchtui"]["health"] == one["benchtui"]["health"]


GROUP = """
group: two_knowledges
task:
  - demo_knowledge
  - other_knowledge
  - rare_knowledge
aggregate_metric_list:
  - metric: acc
    aggregation: mean
    weight_by_size: true
"""
OTHER = """
include: {shipped}
task: {name}
custom_dataset: !function few.{name}
"""
FEW = """
from benchtui.demo.tasks import documents


def other_knowledge(**_):
    return {"test": documents.knowledge()["test"].select(range(150))}


def rare_knowledge(**_):
    return {"test": documents.knowledge()["test"].select(range(2))}
"""


@pytest.mark.long
def test_a_group_is_decided_by_the_same_documents_of_each_of_its_tasks(demo: Workspace, tmp_path: Path) -> None:
    """Also where one of them is so small that none of its documents may be among these."""
    (tmp_path / "few.py").write_text(FEW)
    (tmp_path / "group.yaml").write_text(GROUP)
    for name in ("other_knowledge", "rare_knowledge"):
        shipped = demo_paths().tasks / "demo_knowledge.yaml"
        (tmp_path / f"{name}.yaml").write_text(OTHER.format(shipped=shipped, name=name))
    flags = ["--outputs", demo.outputs, "--base", demo.base, "--offline", "--no-readme"]
    flags += ["--include-path", demo_paths().tasks, "--include-path", tmp_path, "--tasks", "two_knowledges"]
    found = []
    for more in ((), ("--decide-early",), ("--decide-early", "--workers", "3")):
        finished = benchtui("run", *flags, *more, cwd=demo.root)
        assert finished.code == 0, finished.err
        newest = max((demo.model / "benchmarks" / "fine-tuned").iterdir())
        found.append(results_in(newest / "lm-eval"))
    _, one, several = found
    (stop,) = one["benchtui"]["decide_early"].values()
    assert stop["n"] < stop["total"] == 352
    assert told(several) == told(one)
    assert health(several) == health(one)
