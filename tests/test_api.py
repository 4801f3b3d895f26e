"""The public Python interface on real runs: two tiny models, one task, everything that a notebook asks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchtui import api
from tests.cli.results_commands import write_model
from tests.e2e.local_tasks import QUESTIONS, write_choice_task, write_data
from tests.e2e.tiny import make_tiny_model

HEAVY = ("torch", "transformers", "lm_eval", "datasets", "peft", "scipy", "pandas", "numpy", "textual", "rich", "click")


def test_importing_it_imports_nothing_heavy() -> None:
    code = f"import sys, benchtui.api; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("api")
    make_tiny_model(folder / "base")
    make_tiny_model(folder / "outputs" / "tuned" / "merged_16bit", seed=1)
    write_choice_task(folder / "tasks", "mine", write_data(folder / "data.jsonl"))
    return folder


@pytest.fixture(scope="module")
def said(place: Path) -> list[str]:
    lines: list[str] = []
    choice = api.Choice(
        outputs=place / "outputs",
        model="tuned",
        base=str(place / "base"),
        tasks=("mine",),
        include_paths=(place / "tasks",),
        offline=True,
    )
    assert api.run_benchmark(choice, lines.append) is api.ExitCode.DONE, lines
    return lines


@pytest.mark.slow
def test_a_benchmark_is_run_and_reported_line_by_line(said: list[str]) -> None:
    assert any("mine: acc" in line for line in said), said
    assert all("\n" not in line for line in said)


@pytest.mark.slow
def test_what_a_run_left_is_read(place: Path, said: list[str]) -> None:
    outputs = place / "outputs"
    (model,) = api.find_models(outputs)
    assert (model.model.name, model.result is not None) == ("tuned", True)
    runs = api.list_runs(outputs)
    assert [(run.role, run.state) for run in runs] == [("fine-tuned", "finished"), ("base", "finished")]
    results = api.read_run(runs[0].name, outputs)
    assert results.scores_of("mine")[0].n == len(QUESTIONS)
    assert api.read_run("tuned", outputs).run == results.run == Path(runs[0].path)
    samples = api.read_samples(results, "mine")
    mean = sum(float(dict(sample.values)["acc"]) for sample in samples) / len(samples)  # type: ignore[arg-type]
    assert mean == pytest.approx(results.scores_of("mine")[0].value)


@pytest.mark.slow
def test_two_runs_are_compared(place: Path, said: list[str]) -> None:
    outputs = place / "outputs"
    comparison = api.compare("tuned", outputs=outputs)
    (row,) = comparison.headlines
    frame = api.comparison_frame(comparison)
    assert frame.loc[0, ["task", "first", "second", "paired_n"]].tolist() == [
        "mine",
        row.first.value,
        row.second.value,
        len(QUESTIONS),
    ]
    assert row.flips is not None
    flipped = api.flipped_samples(comparison, row)
    assert len(flipped) == row.flips.fixed + row.flips.broken
    (experiment,) = api.history("tuned", outputs)
    assert experiment.outcome("mine") is not None
    assert [found.run for found in api.history(outputs=outputs)] == [experiment.run]


def test_a_gate_is_met_not_met_or_neither(tmp_path: Path) -> None:
    write_model(tmp_path, "helped", 90, 20)
    write_model(tmp_path, "harmed", 20, 90)
    helped, harmed = (api.compare(model, outputs=tmp_path) for model in ("helped", "harmed"))
    assert api.gate(helped, max_loss=3).outcome == "met"
    assert api.gate(harmed, max_loss=3).outcome == "not met"
    assert api.gate(helped, min_gain=5, gain_tasks=["ifeval"]).outcome == "met"
    assert api.gate(helped, same_within=3).outcome == "not met"
    with pytest.raises(api.BenchtuiError, match="no task 'mmlu' in common"):
        api.gate(helped, min_gain=5, gain_tasks=["mmlu"])
    with pytest.raises(api.BenchtuiError, match="not both"):
        api.gate(helped, max_loss=3, same_within=3)


def test_many_models_are_compared_and_one_is_picked(tmp_path: Path) -> None:
    write_model(tmp_path, "helped", 90, 20)
    write_model(tmp_path, "harmed", 20, 90)
    board = api.leaderboard(tasks=["ifeval"], outputs=tmp_path)
    assert board.pending == 0
    (best,) = board.best
    assert best is not None
    assert best.shown
    assert board.candidates[best.leader].name == "helped"
    assert [each.name for each in api.leaderboard(["harmed"], outputs=tmp_path).candidates if each.folder] == ["harmed"]
    found = api.pick(by="ifeval", outputs=tmp_path)
    assert found.picked is not None
    assert found.candidates[found.picked].name == "helped"
    assert api.pick(by="ifeval", max_size=0, outputs=tmp_path).picked is None
    with pytest.raises(api.BenchtuiError, match="-3 is no margin for 'ifeval'"):
        api.pick(no_worse={"ifeval": -3}, outputs=tmp_path)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    write_model(tmp_path, "llama-lima", 90, 20)
    with pytest.raises(api.BenchtuiError, match="llama-lima"):
        api.read_run("llama-lina", tmp_path)
    with pytest.raises(api.BenchtuiError, match="nowhere"):
        api.find_models(tmp_path / "nowhere")
