"""A change in the experiment log is one that `benchtui compare` stands by, and it is there at once."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from benchtui.compare.compare import compare_runs
from benchtui.compare.history.history import Outcome, model_history
from benchtui.reports.log import log_csv, log_json, log_markdown
from benchtui.results.read import read_run
from tests.lm_eval_runs import RealRuns
from tests.synthetic import Task, early_stop, ifeval, write_run

BASE = [i % 2 == 0 for i in range(200)]
BETTER = [i % 4 != 3 for i in range(200)]


def write(folder: Path, task: Task, *, hashed: bool = True, **run: Any) -> Path:
    """A run of IFEval; `hashed` as lm-eval writes it when it logs samples."""
    asked = f"{task.prompt}{task.n}".encode()
    settings = {"task_hashes": {"ifeval": hashlib.sha256(asked).hexdigest()}} if hashed else {}
    return write_run(folder, {"ifeval": task}, settings={**settings, **run.pop("settings", {})}, **run)


def outcome(model: Path) -> Outcome:
    (experiment,) = model_history(model)
    (found,) = experiment.outcomes
    return found


def places(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "benchmarks" / "base", tmp_path / "benchmarks" / "fine-tuned" / "2026-11-20T10-30-15"


@pytest.mark.parametrize("hashed", [True, False])
def test_other_prompts_show_no_change_and_say_why(tmp_path: Path, hashed: bool) -> None:
    base, tuned = places(tmp_path)
    write(base, ifeval(BASE), hashed=hashed)
    template = {"chat_template": "{{ messages }}"}
    write(tuned, ifeval(BETTER, prompt="<|user|>", shots=5), hashed=hashed, settings=template)
    found = outcome(tmp_path)
    assert (found.base, found.value, found.change) == (0.5, 0.75, None)
    verdict = compare_runs(read_run(base), read_run(tuned)).headlines[0].verdict
    assert verdict is not None
    assert found.not_comparable == verdict.sentence
    assert "chat template" in found.not_comparable
    log = model_history(tmp_path)
    assert "75.0% (–)" in log_markdown(log)
    record = json.loads(log_json(log))[0]["tasks"]["ifeval"]
    assert (record["base"], record["change"]) == (0.5, None)
    assert "shots: 0 (Base), 5 (Fine-tuned)" in record["not_comparable"]
    assert "shots: 0 (Base), 5 (Fine-tuned)" in log_csv(log)


@pytest.mark.parametrize("hashed", [True, False])
def test_the_same_documents_show_their_change(tmp_path: Path, hashed: bool) -> None:
    for place, right in zip(places(tmp_path), (BASE, BETTER), strict=True):
        write(place, ifeval(right), hashed=hashed)
    found = outcome(tmp_path)
    assert found.change == pytest.approx(0.25)
    assert found.not_comparable == ""


def test_samples_are_not_read_where_the_result_files_tell(tmp_path: Path) -> None:
    """Hundreds of runs of many megabytes each are a log that still opens."""
    for place, right in zip(places(tmp_path), (BASE, BETTER), strict=True):
        write(place, ifeval(right))
        next((place / "lm-eval").glob("samples_*")).write_text("damaged\n" * 3)
    assert outcome(tmp_path).change == pytest.approx(0.25)


@pytest.mark.parametrize("other", [ifeval(BETTER[:5], total=200), ifeval(BETTER, prompt="example", shots=5)])
def test_nor_where_they_tell_why_the_runs_cannot_be_compared(tmp_path: Path, other: Task) -> None:
    for place, task in zip(places(tmp_path), (ifeval(BASE, total=200), other), strict=True):
        write(place, task)
    base, tuned = places(tmp_path)
    verdict = compare_runs(read_run(base), read_run(tuned)).headlines[0].verdict
    for place in (base, tuned):
        next((place / "lm-eval").glob("samples_*")).write_text("damaged\n" * 3)
    found = outcome(tmp_path)
    assert found.change is None
    assert verdict is not None
    assert verdict.sentence.startswith(found.not_comparable)


def test_samples_that_cannot_be_read_cost_the_change_and_not_the_score(tmp_path: Path) -> None:
    for place, right in zip(places(tmp_path), (BASE, BETTER), strict=True):
        write(place, ifeval(right), hashed=False)
    next((places(tmp_path)[1] / "lm-eval").glob("samples_*")).write_text("damaged\n" * 3)
    found = outcome(tmp_path)
    assert (found.value, found.change) == (0.75, None)
    assert "damaged" in found.not_comparable


def test_a_run_that_stopped_early_shows_the_change_it_was_decided_at(tmp_path: Path) -> None:
    base, tuned = places(tmp_path)
    write(base, ifeval(BASE, total=200), block={"plan": {"backend": "hf"}, "fingerprint": "base-1"})
    write(tuned, ifeval(BETTER[:60], total=200), block=early_stop("higher", 0.1, 0.4, total=200))
    found = outcome(tmp_path)
    assert found.change == compare_runs(read_run(base), read_run(tuned)).headlines[0].change == 0.25
    assert found.early
    log = model_history(tmp_path)
    assert "75.0% (+25.0) early n=60" in log_markdown(log)
    assert json.loads(log_json(log))[0]["tasks"]["ifeval"]["stopped_early"] is True


def test_one_that_was_decided_against_another_base_shows_none(tmp_path: Path) -> None:
    base, tuned = places(tmp_path)
    write(base, ifeval(BASE, total=200), block={"plan": {"backend": "hf"}, "fingerprint": "base-2"})
    write(tuned, ifeval(BETTER[:60], total=200), block=early_stop("higher", 0.1, 0.4, total=200))
    found = outcome(tmp_path)
    assert (found.change, found.early) == (None, True)
    assert "stopped early, at a moment chosen by its scores against another run" in found.not_comparable


def test_a_group_is_compared_by_all_its_tasks(tmp_path: Path) -> None:
    for name, asked in (("same", "a"), ("other", "b")):
        for place, right, last in zip(places(tmp_path / name), (BASE, BETTER), ("a", asked), strict=True):
            tasks = {task: Task({("acc", "none"): right}, prompt=last) for task in ("g_one", "g_two")}
            hashes = {"task_hashes": {"g_one": "one", "g_two": f"two {last}"}}
            write_run(place, tasks, groups={"g": ["g_one", "g_two"]}, settings=hashes)
    assert outcome(tmp_path / "same").change == pytest.approx(0.25)
    assert outcome(tmp_path / "other").change is None
    assert outcome(tmp_path / "other").not_comparable.startswith("Not comparable: ")


@pytest.mark.parametrize("hashed", [True, False])
def test_the_changes_of_real_runs_are_those_of_the_comparison(
    real_runs: RealRuns, tmp_path: Path, hashed: bool
) -> None:
    """From the result files alone, and from the samples where the files lack lm-eval's hashes: groups, a generation
    with two filters, a perplexity."""
    made = compare_runs(read_run(real_runs.first), read_run(real_runs.second))
    for place, run in zip(places(tmp_path), (made.first, made.second), strict=True):
        shutil.copytree(run.folder, place / "lm-eval", ignore=shutil.ignore_patterns("samples_*" if hashed else ""))
        file = place / "lm-eval" / run.file.name
        if not hashed:
            file.write_text(json.dumps({**json.loads(file.read_text()), "task_hashes": {}}))
    (experiment,) = model_history(tmp_path)
    assert {found.task: found.change for found in experiment.outcomes} == pytest.approx(
        {row.task: row.change for row in made.headlines}
    )
    assert len(made.headlines) == 5
