"""`benchtui tokens compare` in real processes, on a pair that was really fine-tuned: the demo's."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchtui.demo.workspace import demo_paths, open_workspace
from benchtui.plans.plan import read_plan
from benchtui.plans.tokens import StoredAnswers, TokensPlan
from benchtui.runs.directory import RunDirectory
from benchtui.runs.listing import list_runs
from benchtui.runs.records import run_state
from benchtui.tokens.store import open_store
from benchtui.tokens.summary import read_summary

DEMO_TASKS = demo_paths().tasks
TUNED = "islands-400k-instructions"
TEXT = ["--prompt", "The bell is", "--answer", " red. The boat is blue."]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return open_workspace(tmp_path_factory.mktemp("demo") / "d").root


def benchtui(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchtui", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, timeout=250)


def newest(folder: Path) -> RunDirectory:
    return RunDirectory(max((folder / "outputs" / TUNED / "tokens").glob("2*")))


def test_a_comparison_is_printed_kept_listed_and_the_same_when_its_command_is_typed(demo: Path) -> None:
    ran = benchtui(demo, "tokens", "compare", "base", TUNED, *TEXT)
    assert ran.returncode == 0, ran.stderr
    assert f"{TUNED} ‖ base" in ran.stdout
    run = newest(demo)
    summary = read_summary(run.path / "tokens")
    assert [model.label for model in summary.models] == ["base", TUNED]
    assert summary.pairs[0].js.value is not None
    assert summary.pairs[0].js.value > 0
    assert f"benchtui tokens show {TUNED}/tokens/{run.path.name} --doc 1" in ran.stderr
    (listed, *_) = list_runs(demo / "outputs")
    assert (listed.role, listed.tasks, listed.state) == ("tokens", ("a prompt with an answer",), "finished")
    assert f"{TUNED}/tokens/{run.path.name}" in benchtui(demo, "runs").stdout
    plan = read_plan(run.plan_file, TokensPlan)
    again = benchtui(demo, *plan.command[1:])
    assert again.returncode == 0, again.stderr
    assert read_plan(newest(demo).plan_file, TokensPlan).fingerprint == plan.fingerprint
    assert benchtui(demo, "resume", f"{TUNED}/tokens/{run.path.name}").returncode == 1, "there is nothing to resume"


def test_the_command_line_of_eval_py_writes_its_files(demo: Path) -> None:
    models = ["--model_1", "models/islands-400k", "--model_2", f"outputs/{TUNED}", "--model_names", "base", "sft"]
    rest = ["--teacher_forced", "--experiment_name", "x", "--output_dir", "./results", "--max_prompts", "2"]
    ran = benchtui(demo, "tokens", "compare", *models, *rest, "--max_new_tokens", "4096")
    assert ran.returncode == 0, ran.stderr
    (place,) = (demo / "results").glob("summary_stats_*.json")
    summary = json.loads(place.read_text())
    assert (summary["experiment_name"], summary["total_prompts"], summary["models"]) == ("x", 2, ["base", "sft"])
    store = open_store(newest(demo).path)
    for number, name in enumerate(summary["models"]):
        (aggregated,) = (demo / "results").glob(f"aggregated_{name}_stats_*.csv")
        table = pd.read_csv(aggregated)
        assert table["entropy"].tolist() == pytest.approx(store.column(number, "entropy").tolist())
        assert len(table) == summary[f"{name}_total_tokens"]


@pytest.mark.long
def test_without_teacher_forcing_each_model_writes(demo: Path) -> None:
    models = ["--model_1", "models/islands-400k", "--model_2", f"outputs/{TUNED}", "--output_dir", "own"]
    ran = benchtui(demo, "tokens", "compare", *models, "--max_prompts", "2", "--max_new_tokens", "8")
    assert ran.returncode == 0, ran.stderr
    plan = read_plan(newest(demo).plan_file, TokensPlan)
    assert (plan.mode, plan.pairs, plan.sampling.max_new_tokens) == ("own", (), 8)
    texts = json.loads(next((demo / "own" / "prompt_1").glob("generated_texts_*.json")).read_text())
    assert list(texts) == ["prompt", "model_1_text", "model_2_text"]
    assert texts["model_1_text"] != texts["model_2_text"]
    table = pd.read_csv(next((demo / "own" / "prompt_1").glob("model_1_stats_*.csv")))
    assert 0 < len(table) <= 9, "tokens of what was written, and none of the prompt"


def test_it_is_cancelled_and_resumed(demo: Path) -> None:
    command = [sys.executable, "-m", "benchtui", "tokens", "compare", "base", TUNED, "--json"]
    process = subprocess.Popen(command, cwd=demo, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    seen = next(line for line in process.stdout if '"tokens-planned"' in line)
    assert json.loads(seen)["documents"] == 60
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    run = newest(demo)
    assert run_state(run) == "cancelled"
    ran = benchtui(demo, "resume", f"{TUNED}/tokens/{run.path.name}")
    assert ran.returncode == 0, ran.stderr
    assert read_summary(run.path / "tokens").documents == 60


@pytest.mark.long
def test_it_is_started_in_the_background_and_watched(demo: Path) -> None:
    ran = benchtui(demo, "tokens", "compare", "base", TUNED, *TEXT, "--detach")
    assert ran.returncode == 0, ran.stderr
    place = Path(ran.stdout.splitlines()[0])
    watched = benchtui(demo, "attach", f"{TUNED}/tokens/{place.name}", "--plain")
    assert watched.returncode == 0, watched.stderr
    assert run_state(RunDirectory(place)) == "finished"


def test_divergences_and_distributions_are_those_of_transformers(demo: Path, tmp_path: Path) -> None:
    """Files of RL_onoff's form, against float64 of logits that transformers computes."""
    import torch
    from scipy.special import entr, log_softmax, rel_entr
    from transformers import AutoModelForCausalLM, AutoTokenizer

    for arguments in (
        ("divergences", "base", TUNED, "--output", str(tmp_path / "divergences.json")),
        ("distributions", TUNED, "--top-k", "50", "--output", str(tmp_path / "distributions")),
    ):
        ran = benchtui(demo, "tokens", *arguments, *TEXT, "--dtype", "float32", "--device", "cpu")
        assert ran.returncode == 0, ran.stderr
    prompt, answer = TEXT[1], TEXT[3]
    found = []
    for place in ("models/islands-400k", f"outputs/{TUNED}/merged_16bit"):
        tokenizer = AutoTokenizer.from_pretrained(demo / place)
        ids, n = tokenizer(prompt + answer).input_ids, len(tokenizer(prompt).input_ids)
        model = AutoModelForCausalLM.from_pretrained(demo / place, dtype=torch.float32)
        with torch.inference_mode():
            logits = model(torch.tensor([ids])).logits[0, n - 1 : -1].double().numpy()
        found.append(np.exp(log_softmax(logits[:, : len(tokenizer)], axis=-1)))
    first, second = found
    middle = (first + second) / 2
    (line,) = json.loads((tmp_path / "divergences.json").read_text())["results"]
    js = (rel_entr(first, middle) + rel_entr(second, middle)).sum(-1) / 2
    np.testing.assert_allclose(line["kl_divergence"], rel_entr(first, second).sum(-1), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(line["js_divergence"], js, rtol=1e-3, atol=1e-5)
    said = json.loads((tmp_path / "distributions" / "distributions.json").read_text())
    (sample,) = said["results"][0]["samples"]
    assert (sample["token_ids"], said["statistics"]["vocab_size"]) == (ids[n:], second.shape[1])
    np.testing.assert_allclose(sample["per_token_entropy"], entr(second).sum(-1), atol=1e-4)
    with np.load(tmp_path / "distributions" / "distributions.npz") as arrays:
        ids_of, values = arrays["dist_0_indices"], arrays["dist_0_values"]
    np.testing.assert_allclose(values, -np.sort(-second, axis=-1)[:, :50], atol=1e-5)
    np.testing.assert_allclose(values, np.take_along_axis(second, ids_of, -1), atol=1e-5)


@pytest.mark.long
def test_the_documents_that_changed_side(demo: Path) -> None:
    """The demo's comparison: at least ten documents changed, and the two models' answers to them are read."""
    assert benchtui(demo, "run", "--include-path", str(DEMO_TASKS), "--tasks", "demo_knowledge").returncode == 0
    ran = benchtui(demo, "tokens", "compare", "base", TUNED, "--flips")
    assert ran.returncode == 0, ran.stderr
    run = newest(demo)
    plan, summary = read_plan(run.plan_file, TokensPlan), read_summary(run.path / "tokens")
    assert isinstance(plan.texts, StoredAnswers)
    assert plan.texts.labels == ("base", TUNED)
    assert plan.comparison == plan.texts.runs
    assert "--answers" in plan.command, "so that it means the same runs later"
    changed = [one for one in plan.texts.chosen if one.change != "same"]
    assert len(changed) >= 10
    assert summary.flips is not None
    assert len(summary.flips.flipped) == len(changed)
    whole = [note for note in summary.notes if "the JS of the whole answers" in note]
    assert len(whole) == 1, "nothing stands before an option that is chosen"
    ran = benchtui(demo, "tokens", "compare", "base", TUNED, "--flips", "--score-prompts")
    assert ran.returncode == 0, ran.stderr
    asked = read_summary(newest(demo).path / "tokens")
    assert not [note for note in asked.notes if "the JS of the whole answers" in note]
    assert asked.flips is not None
    assert asked.flips.p is not None
    assert asked.models[0].positions > summary.models[0].positions
    assert "Before the part that was scored, the JS" in " ".join(ran.stdout.split())
