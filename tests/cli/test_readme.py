from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchtui.models.source import HubSource
from benchtui.plans.benchmark import BenchmarkPlan, PromptSettings
from benchtui.plans.plan import write_plan
from benchtui.runs.directory import RunDirectory, benchmarks_folder
from benchtui.tasks.suites import TaskPlan
from tests.cli.results_commands import benchtui, one_line_error, write_model
from tests.synthetic import Task, early_stop, ifeval, write_run

TUNED = "fine-tuned"
FULL, LATER, LATEST = "2026-11-20T10-00-00", "2026-11-21T10-00-00", "2026-11-22T10-00-00"


def add_run(model: Path, stamp: str, n: int, *, total: int = 541, done: int | None = None) -> None:
    """A fine-tuned run of `n` of IFEval's prompts; interrupted after them where `done` says so."""
    block = None if done is None else {"partial": True, "documents": {"ifeval": {"done": done, "total": total}}}
    run = benchmarks_folder(model) / TUNED / stamp
    write_run(run, {"ifeval": ifeval([True] * n, total=total)}, stamp=stamp, block=block)


def test_the_results_are_put_into_the_readmes(tmp_path: Path) -> None:
    model = write_model(tmp_path, "llama-lima", 90, 20)
    (model / "lora").mkdir()
    (model / "lora" / "README.md").write_text("---\nlicense: mit\n---\n# Adapter\n")
    ended = benchtui("readme", "llama-lima", "--outputs", tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "Results of the run 2026-11-20T10-30-15.",
        "README.md: created.",
        "lora/README.md: updated.",
    ]
    text = (model / "lora" / "README.md").read_text()
    assert text.startswith("---\nlicense: mit\n")
    assert "| Fine-tuned | 63.03% | 63.03% | 63.03% | 63.03% |" in text
    assert benchtui("readme", "llama-lima", "--outputs", tmp_path).out.count("already up to date") == 2


def test_a_readme_without_front_matter_gets_the_section_and_a_word(tmp_path: Path) -> None:
    model = write_model(tmp_path, "llama-lima", 90, 20)
    (model / "README.md").write_text("# Mine\n")
    for done in ("updated", "already up to date"):
        line = benchtui("readme", model).out.splitlines()[1]
        assert line.startswith(f"README.md: {done}. It has no front matter, so no model-index")
    assert (model / "README.md").read_text().startswith("# Mine\n\n<!-- benchtui")


def test_a_model_without_results_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    one_line_error(benchtui("readme", "empty", "--outputs", tmp_path), 1, ["has no benchmark results yet"])


def test_the_scores_of_the_base_are_not_those_of_the_model(tmp_path: Path) -> None:
    model = tmp_path / "ft-model"
    write_run(model / "benchmarks" / "base", {"ifeval": ifeval([True] * 541)})
    (model / "README.md").write_text("---\nlicense: mit\n---\n# Mine\n")
    ended = benchtui("readme", "ft-model", "--outputs", tmp_path)
    one_line_error(ended, 1, ["no results of the fine-tuned model yet", "benchtui run --model ft-model"])
    assert (model / "README.md").read_text() == "---\nlicense: mit\n---\n# Mine\n"
    write_model(tmp_path, "ft-model", 90, 20)
    named = benchtui("readme", model, "--run", model / "benchmarks" / "base")
    one_line_error(named, 1, ["is a run of the base"])
    assert (model / "README.md").read_text() == "---\nlicense: mit\n---\n# Mine\n"


@pytest.mark.parametrize("done", [None, 5])
def test_a_limited_or_interrupted_run_does_not_take_the_place_of_a_full_one(tmp_path: Path, done: int | None) -> None:
    model = write_model(tmp_path, "m", 90, 20, stamp=FULL)
    add_run(model, LATER, 5, done=done)
    add_run(model, LATEST, 5, done=done)
    ended = benchtui("readme", "m", "--outputs", tmp_path)
    how = "was limited" if done is None else "did not finish"
    assert ended.out.splitlines()[:3] == [
        f"Results of the run {FULL}.",
        *(f"A newer run, {run}, which {how}, has 5 of 541 samples." for run in (LATEST, LATER)),
    ]
    assert "| 541 |" in (model / "README.md").read_text()


def test_the_newest_full_run_is_taken(tmp_path: Path) -> None:
    model = write_model(tmp_path, "m", 90, 20, stamp=FULL)
    add_run(model, LATER, 541)
    assert benchtui("readme", model).out.startswith(f"Results of the run {LATER}.\nREADME.md")


def test_a_run_that_was_decided_early_takes_only_the_place_of_none_that_is_full(tmp_path: Path) -> None:
    model = write_model(tmp_path, "m", 90, 20, stamp=FULL)
    base = {"plan": {"backend": "hf"}, "fingerprint": "base-1"}
    write_run(model / "benchmarks" / "base", {"ifeval": ifeval([i % 3 == 0 for i in range(541)])}, block=base)
    run = benchmarks_folder(model) / TUNED / LATER
    write_run(run, {"ifeval": ifeval([True] * 60)}, stamp=LATER, block=early_stop("higher", 0.2, 0.6))
    said = f"Results of the run {FULL}.\nA newer run, {LATER}, which stopped early, has 60"
    assert said in benchtui("readme", model).out
    assert f"Results of the run {FULL}." in benchtui("readme", model, "--run", LATER).out
    shutil.rmtree(benchmarks_folder(model) / TUNED / FULL)
    assert f"Results of the run {LATER}." in benchtui("readme", model, "--run", LATER).out
    text = (model / "README.md").read_text()
    assert "- Intervals are of the paired difference, sample by sample." in text
    assert "p-values" not in text, "none is shown"


def test_a_limited_run_that_was_decided_early_is_a_limited_one(tmp_path: Path) -> None:
    model = write_model(tmp_path, "m", 90, 20, stamp=FULL)
    run = benchmarks_folder(model) / TUNED / LATER
    write_run(run, {"ifeval": ifeval([True] * 24)}, stamp=LATER, block=early_stop("higher", 0.2, 0.6, n=24, total=40))
    plan = BenchmarkPlan(
        model_name="m",
        role="fine-tuned",
        source=HubSource("m", "identity"),
        tasks=(TaskPlan("ifeval", limit=40),),
        prompts=PromptSettings(),
        bench_id="bench",
        created="2026-11-21T10:00:00+00:00",
    )
    RunDirectory(run).records.mkdir()
    write_plan(RunDirectory(run).plan_file, plan)
    assert f"Results of the run {FULL}." in benchtui("readme", model).out


def test_the_newest_is_taken_where_all_are_limited(tmp_path: Path) -> None:
    model = tmp_path / "m"
    add_run(model, FULL, 5)
    add_run(model, LATER, 7)
    assert benchtui("readme", model).out.startswith(f"Results of the run {LATER}.\nREADME.md")


def test_a_run_may_be_named(tmp_path: Path) -> None:
    model = write_model(tmp_path, "m", 90, 20, stamp=FULL)
    add_run(model, LATER, 541)
    assert benchtui("readme", model, "--run", FULL).out.startswith(f"Results of the run {FULL}.\nREADME.md")
    assert "63.03%" in (model / "README.md").read_text()
    one_line_error(benchtui("readme", model, "--run", "2020"), 1, ["no run '2020' of m", FULL])


@pytest.mark.parametrize("done", [None, 5])
def test_a_run_that_is_named_does_not_replace_a_full_one_by_less(tmp_path: Path, done: int | None) -> None:
    model = write_model(tmp_path, "m", 90, 20, stamp=LATER)
    add_run(model, FULL, 5, done=done)  # older than the full one
    how = "was limited" if done is None else "did not finish"
    said = (
        f"Results of the run {LATER}.\nThe run {FULL}, which {how}, has 5 of 541 samples. The results of the full run "
        f"{LATER} stay those of the model.\n"
    )
    for arguments in ((model, "--run", FULL), (f"m/{FULL}",)):
        assert benchtui("readme", *arguments, "--outputs", tmp_path).out.startswith(said)
    assert "5/541" not in (model / "README.md").read_text()
    shutil.rmtree(benchmarks_folder(model) / TUNED / LATER)
    assert benchtui("readme", model, "--run", FULL).out.startswith(f"Results of the run {FULL}.\nREADME.md")
    assert "5/541" in (model / "README.md").read_text()


def test_p_values_are_said_where_they_are_shown(tmp_path: Path) -> None:
    model = write_model(tmp_path, "m", 90, 20)
    benchtui("readme", model)
    assert "Intervals and p-values are of the paired difference" in (model / "README.md").read_text()
    alone = tmp_path / "alone"
    write_run(alone / "benchmarks" / TUNED / FULL, {"t": Task({("acc", "none"): [True] * 8})})
    benchtui("readme", alone)
    assert "paired difference" not in (alone / "README.md").read_text()
