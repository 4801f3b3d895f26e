"""`benchtui run --model all`: two adapters on one base, and a folder that cannot be evaluated."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchtui.runs.directory import RunDirectory, fine_tuned_runs
from benchtui.runs.journal.journal import answered_requests
from tests.e2e.commands import Finished, benchtui, results_in
from tests.e2e.local_tasks import QUESTIONS, write_choice_task, write_data
from tests.e2e.tiny import make_tiny_model

pytestmark = pytest.mark.slow


def make_adapter(base: Path, folder: Path, seed: int) -> Path:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    config = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    model.peft_config["default"].base_model_name_or_path = str(base)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two adapters of one base, a folder whose weights are cut short, and a task."""
    place = tmp_path_factory.mktemp("all")
    base = make_tiny_model(place / "base-model")
    for seed, name in enumerate(("alpha", "beta")):
        make_adapter(base, place / "outputs" / name / "lora", seed)
    broken = make_adapter(base, place / "outputs" / "broken" / "lora", 5) / "adapter_model.safetensors"
    broken.write_bytes(broken.read_bytes()[:-100])
    write_choice_task(place / "tasks", "counting", write_data(place / "data" / "counting.jsonl"))
    return place


def run_all(place: Path, *more: str) -> Finished:
    arguments = ["--tasks", "counting", "--include-path", str(place / "tasks"), "--offline", "--no-readme"]
    return benchtui("run", "--model", "all", *arguments, *more, cwd=place, env={"OMP_NUM_THREADS": "1"})


@pytest.fixture(scope="module")
def first(place: Path) -> Finished:
    return run_all(place)


def base_of(place: Path, model: str) -> RunDirectory:
    return RunDirectory(place / "outputs" / model / "benchmarks" / "base")


@pytest.mark.long
def test_each_model_has_a_closing_line_and_the_exit_code_says_that_one_was_left_out(first: Finished) -> None:
    assert first.code == 3, first.err
    *closing, total = first.err.splitlines()[-4:]
    alpha, beta, broken = sorted(closing)
    assert (alpha, beta) == ("alpha: evaluated.", "beta: evaluated.")
    assert broken.startswith("broken: skipped: ")
    assert "cut short" in broken
    assert total == "2 of 3 models evaluated."


def test_every_line_about_a_model_carries_its_name(first: Finished) -> None:
    lines = [line for line in first.err.splitlines()[:-1] if not line.startswith("Reading lm-eval's")]
    assert [line for line in lines if not any(name in line for name in ("alpha", "beta", "broken"))] == []
    for name in ("alpha", "beta"):
        assert any(name in line for line in first.out.splitlines()), "tables are told apart"


def test_a_base_that_both_share_is_evaluated_once(place: Path, first: Finished) -> None:
    (copied,) = [file for name in ("alpha", "beta") if (file := base_of(place, name).copied_from).exists()]
    owner, borrower = ("alpha", "beta") if "beta" in str(copied) else ("beta", "alpha")
    assert f"{borrower}: Base results are copied from {owner}/base" in first.err
    assert json.loads(copied.read_text())["run"] == f"{owner}/base"
    asked = len(QUESTIONS) * len(QUESTIONS[0]["choices"])
    for name in (owner, borrower):
        (tuned,) = fine_tuned_runs(base_of(place, name).path.parent)
        assert [answered_requests(run.journal) for run in (base_of(place, name), tuned)] == [asked, asked]
        assert results_in(base_of(place, name).lm_eval) == results_in(base_of(place, owner).lm_eval)
        summary = json.loads((place / "outputs" / name / "benchmarks" / "benchmark.json").read_text())
        assert summary["base_model"]["benchmark_dir"] == str(base_of(place, name).path)
        assert "counting" in summary["comparison"]
    events = [json.loads(line) for line in base_of(place, owner).events.read_text().splitlines()]
    assert sum(event["event"] == "worker-started" for event in events) == 1
    assert base_of(place, borrower).events.read_bytes() == base_of(place, owner).events.read_bytes()


@pytest.mark.long
def test_a_rerun_evaluates_the_base_anew_and_once(place: Path, first: Finished) -> None:
    before = base_of(place, "alpha").done.read_bytes()
    again = run_all(place, "--rerun-base")
    assert again.code == 3, again.err
    after = {base_of(place, name).done.read_bytes() for name in ("alpha", "beta")}
    assert len(after) == 1
    assert before not in after
    assert again.err.count("Base results are copied from") == 1


def test_nothing_evaluated_is_a_failure(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "outputs" / "broken", tmp_path / "broken")
    ended = run_all(place, "--outputs", str(tmp_path))
    assert ended.code == 1
    assert "broken: skipped: " in ended.err
    assert ended.err.splitlines()[-1] == "0 of 1 models evaluated."
