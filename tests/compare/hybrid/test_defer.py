"""Deferring documents, from two finished runs: on lm-eval's own files, recomputed from their lines."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchtui.compare.hybrid.conclusions import conclusions
from benchtui.compare.hybrid.defer import deferred
from benchtui.errors import BenchtuiError, UsageError
from benchtui.results.read import read_run
from benchtui.routing.sweeps.records import Sweep, SweptMetric, SweptTask
from tests.lm_eval_runs import RealRuns
from tests.lm_eval_runs import real_runs as real_runs
from tests.synthetic import Task, write_run

SCHOOL = ("alpha", "beta", "gamma")


@pytest.fixture(scope="module")
def swept(real_runs: RealRuns, tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    outputs = tmp_path_factory.mktemp("none")
    return deferred(read_run(real_runs.first), read_run(real_runs.second), outputs, ["p30", 0.5, "p70"])


def lines(folder: Path, task: str) -> list[dict[str, Any]]:
    (file,) = folder.glob(f"**/samples_{task}_2*.jsonl")
    return sorted((json.loads(line) for line in file.read_text().splitlines()), key=lambda line: line["doc_id"])


def margin(line: dict[str, Any]) -> float:
    """By characters of the choice, as acc_norm is, which is the main metric."""
    asked = [line["arguments"][f"gen_args_{n}"]["arg_1"].strip() for n in range(len(line["arguments"]))]
    scores = sorted(float(r[0]) / len(text) for r, text in zip(line["filtered_resps"], asked, strict=True))
    return math.exp(scores[-2] - scores[-1])


def named(swept: Sweep, name: str) -> SweptTask:
    return next(task for task in swept.tasks if task.task == name)


def metric(task: SweptTask, name: str) -> SweptMetric:
    return next(each for each in task.metrics if each.metric == name)


@pytest.mark.parametrize("group", ["school", "plainschool"])
def test_every_threshold_is_what_the_lines_of_both_runs_give(swept: Sweep, real_runs: RealRuns, group: str) -> None:
    task, name = named(swept, group), "acc"
    found = metric(task, name)
    for row, threshold in enumerate(task.thresholds):
        of_tasks, sizes, deferred_ = [], [], []
        for leaf in SCHOOL:
            small, large = (lines(folder, f"{group}_{leaf}") for folder in (real_runs.first, real_runs.second))
            takes = [margin(line) >= threshold.value for line in small]
            of_tasks.append(np.mean([b[name] if t else a[name] for a, b, t in zip(small, large, takes, strict=True)]))
            sizes.append(len(small))
            deferred_ += takes
        weights = sizes if group == "school" else None
        assert np.average(found.scores[row], weights=found.weights or None) == pytest.approx(
            np.average(of_tasks, weights=weights)
        )
        assert sum(task.large[row]["documents"]) == sum(deferred_)
    assert task.likelihoods == "by document"


def test_both_ends_are_lm_evals_own_scores(swept: Sweep, real_runs: RealRuns) -> None:
    runs = read_run(real_runs.first), read_run(real_runs.second)
    for task in swept.tasks:
        for each in task.metrics:
            for values, run in zip((each.small, each.large), runs, strict=True):
                score = run.score(task.task, each.metric, each.filter)
                assert score is not None
                assert np.average(values, weights=each.weights or None) == pytest.approx(score.value)


def test_thresholds_asked_for_are_among_those_of_the_curve(swept: Sweep) -> None:
    task = named(swept, "school")
    asked = [task.thresholds[place].asked for place in task.asked]
    assert sorted(map(str, asked)) == ["0.5", "p30", "p70"]
    assert len(task.thresholds) > len(task.asked)
    (found,) = (of_metrics for each, of_metrics in conclusions(swept, 2.0).tasks if each.task == "school")
    assert len(found[0].places) == 3
    assert found[0].curve.shares[0] == 0.0


def test_what_cannot_be_deferred_is_named_with_the_next_step(swept: Sweep) -> None:
    said = "\n".join(swept.notes)
    assert {task.task for task in swept.tasks} == {"school", "plainschool"}
    assert "say is left out: its answers are texts" in said
    assert "benchtui tokens compare MODEL --answers" in said
    assert "pages is left out: it gives no choices" in said


def test_a_document_that_one_run_asked_with_another_prompt_is_not_paired(real_runs: RealRuns, tmp_path: Path) -> None:
    shutil.copytree(real_runs.second, tmp_path / "b")
    (file,) = (tmp_path / "b").glob("**/samples_school_alpha_2*.jsonl")
    changed = [json.loads(line) for line in file.read_text().splitlines()]
    for line in changed:
        line["prompt_hash"] = "0" * 64
    file.write_text("".join(json.dumps(line) + "\n" for line in changed))
    found = deferred(read_run(real_runs.first), read_run(tmp_path / "b"), tmp_path, ["p50"])
    assert [task.task for task in found.tasks] == ["plainschool"]
    assert any("school is left out: 14 of 14 were asked with another prompt" in note for note in found.notes)


@pytest.mark.parametrize("score", ["nan", "-inf", "inf"])
def test_a_document_without_a_choice_is_named(real_runs: RealRuns, tmp_path: Path, score: str) -> None:
    shutil.copytree(real_runs.first, tmp_path / "a")
    (file,) = (tmp_path / "a").glob("**/samples_school_beta_2*.jsonl")
    changed = [json.loads(line) for line in file.read_text().splitlines()]
    changed[2]["filtered_resps"] = [[score, "False"]] * 4
    file.write_text("".join(json.dumps(line) + "\n" for line in changed))
    with pytest.raises(BenchtuiError, match=rf"school_beta #{changed[2]['doc_id']}: a document has no choice"):
        deferred(read_run(tmp_path / "a"), read_run(real_runs.second), tmp_path, ["p50"])


def test_by_says_which_score_decides(real_runs: RealRuns, tmp_path: Path) -> None:
    runs = read_run(real_runs.first), read_run(real_runs.second)
    by_margin, by_confidence = (deferred(*runs, tmp_path, [0.5], by) for by in ("margin", "confidence"))
    assert named(by_margin, "school").thresholds != named(by_confidence, "school").thresholds
    assert by_confidence.defer_by == "confidence"


def test_runs_without_anything_to_defer_are_refused(tmp_path: Path) -> None:
    runs = [read_run(write_run(tmp_path / side, {"length": Task({("f1", "none"): [0.5] * 30})})) for side in "ab"]
    with pytest.raises(UsageError, match="length is left out: its answers are texts"):
        deferred(*runs, tmp_path, ["p50"])
    other = read_run(write_run(tmp_path / "c", {"height": Task({("f1", "none"): [0.5] * 30})}))
    with pytest.raises(UsageError, match="no task in common"):
        deferred(runs[0], other, tmp_path, ["p50"])
