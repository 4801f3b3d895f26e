"""Answers cut at the limit and prompts cut to the window, on the shipped models and both engines, counted by hand too;
the same after a kill; and a model whose choices never differ."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchtui.demo.workspace import demo_paths, open_workspace
from tests.e2e.commands import Finished, benchtui, results_in, samples_in
from tests.e2e.tiny import make_tiny_model

pytestmark = pytest.mark.slow

LIMIT, WINDOW, DOCUMENTS = 5, 20, 40
ENGINES = ("fast", "lm-eval")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return open_workspace(tmp_path_factory.mktemp("health") / "demo").root


def arguments(place: Path, engine: str, *more: str) -> list[str | Path]:
    workspace = open_workspace(place)
    return [
        *("run", "--outputs", workspace.outputs, "--base", workspace.base, "--include-path", demo_paths().tasks),
        *("--tasks", "demo_instructions,demo_knowledge", "--limit", str(DOCUMENTS), "--engine", engine, "--no-readme"),
        *("--offline", "--rerun-base", "--gen-kwargs", f"max_gen_toks={LIMIT}", "--max-length", str(WINDOW), *more),
    ]


def newest(place: Path) -> Path:
    return max((open_workspace(place).model / "benchmarks" / "fine-tuned").iterdir())


def health_of(run: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = results_in(run / "lm-eval")["benchtui"]["health"]
    return found


def generated_by_hand(folder: Path, run: Path) -> dict[str, Any]:
    """Every prompt of the samples alone through transformers, with lm-eval's own stopping criterion. The prompts begin
    with the BOS token, so that the tokenizer adds none."""
    import torch
    from lm_eval.models.utils_hf import stop_sequences_criteria
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    counted = {"answers": 0, "cut": 0, "tokens": 0, "prompts_cut": 0, "prompt_tokens": 0, "prompt_tokens_lost": 0}
    for sample in samples_in(run / "lm-eval", "demo_instructions"):
        ids = tokenizer(sample["arguments"]["gen_args_0"]["arg_0"], add_special_tokens=False)["input_ids"]
        kept = torch.tensor([ids[-(WINDOW - LIMIT) :]])
        stop = stop_sequences_criteria(tokenizer, ["\n", tokenizer.eos_token], kept.shape[1], 1)
        row = model.generate(kept, max_new_tokens=LIMIT, stopping_criteria=stop, do_sample=False)[0, kept.shape[1] :]
        stopped = any(found.done_tracker[0] for found in stop)
        counted["answers"] += 1
        counted["tokens"] += len(row)
        counted["cut"] += not stopped and int(row[-1]) != tokenizer.eos_token_id
        if len(ids) > kept.shape[1]:
            counted["prompts_cut"] += 1
            counted["prompt_tokens"] += len(ids)
            counted["prompt_tokens_lost"] += len(ids) - kept.shape[1]
    return counted


def contexts_by_hand(folder: Path, run: Path) -> dict[str, int]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    counted = {"prompts": 0, "prompts_cut": 0, "prompt_tokens": 0, "prompt_tokens_lost": 0}
    for sample in samples_in(run / "lm-eval", "demo_knowledge"):
        pairs = [(asked["arg_0"], asked["arg_1"]) for asked in sample["arguments"].values()]
        (context,) = {context for context, _ in pairs}
        lost = max(
            len(tokenizer(context + choice, add_special_tokens=False)["input_ids"]) - 1 - WINDOW for _, choice in pairs
        )
        counted["prompts"] += 1
        if lost > 0:
            counted["prompts_cut"] += 1
            counted["prompt_tokens"] += len(tokenizer(context, add_special_tokens=False)["input_ids"])
            counted["prompt_tokens_lost"] += lost
    return counted


@pytest.fixture(scope="module")
def finished(place: Path) -> dict[str, tuple[Finished, Path]]:
    found = {}
    for engine in ENGINES:
        ended = benchtui(*arguments(place, engine), cwd=place)
        assert ended.code == 0, ended.err
        found[engine] = (ended, newest(place))
    return found


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.long
def test_counts_are_those_of_counting_by_hand(
    engine: str, finished: dict[str, tuple[Finished, Path]], place: Path
) -> None:
    _, run = finished[engine]
    folder = open_workspace(place).model / "merged_16bit"
    health = health_of(run)
    by_hand = generated_by_hand(folder, run)
    assert {name: health["demo_instructions"][name] for name in by_hand} == by_hand
    assert 0 < by_hand["cut"] < by_hand["answers"] == DOCUMENTS
    assert health["demo_instructions"]["mean_tokens"] == pytest.approx(by_hand["tokens"] / DOCUMENTS)
    assert by_hand["prompts_cut"] > 0
    contexts = contexts_by_hand(folder, run)
    assert {name: health["demo_knowledge"][name] for name in contexts} == contexts
    assert health["demo_knowledge"]["cut"] is None, "no text was generated"


def test_both_engines_count_alike(finished: dict[str, tuple[Finished, Path]]) -> None:
    fast, theirs = (
        {task: {**health, "fingerprint": ""} for task, health in health_of(finished[engine][1]).items()}
        for engine in ENGINES
    )
    assert fast == theirs, "but for log-likelihoods to the last bit, which the engines do not share"


@pytest.mark.parametrize("engine", ENGINES)
def test_the_log_has_no_progress_bars(engine: str, finished: dict[str, tuple[Finished, Path]]) -> None:
    log = (finished[engine][1] / "run" / "worker.log").read_text(errors="replace")
    assert not [line for line in log.splitlines() if "%|" in line or "it/s" in line]


@pytest.mark.parametrize("engine", ENGINES)
def test_it_is_said_beside_the_score(engine: str, finished: dict[str, tuple[Finished, Path]], place: Path) -> None:
    ended, run = finished[engine]
    health = health_of(run)["demo_instructions"]
    cut = f"{health['cut']} of {DOCUMENTS} answers were cut at {LIMIT} tokens"
    prompts = f"{health['prompts_cut']} of {DOCUMENTS} prompts were cut to the window"
    assert cut in " ".join(ended.out.replace("!", "").split())
    assert cut in ended.err, "as soon as the task is done"
    gate = benchtui("gate", place / "outputs" / "islands-400k-instructions", cwd=place)
    assert cut in gate.out
    assert prompts in gate.out
    document = json.loads((open_workspace(place).model / "benchmarks" / "benchmark.json").read_text())
    assert document["fine_tuned_model"]["health"]["demo_instructions"]["cut"] == health["cut"]


@pytest.mark.parametrize("engine", [ENGINES[0], pytest.param(ENGINES[1], marks=pytest.mark.long)])
def test_counts_are_the_same_after_a_kill(engine: str, finished: dict[str, tuple[Finished, Path]], place: Path) -> None:
    before = set((open_workspace(place).model / "benchmarks" / "fine-tuned").iterdir())
    process = subprocess.Popen(
        [sys.executable, "-m", "benchtui", *map(str, arguments(place, engine, "--batch-size", "1"))],
        cwd=place,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    run = _when_some_are_answered(process, place, before)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    resumed = benchtui("resume", run, cwd=place)
    assert resumed.code == 0, resumed.err
    assert health_of(run) == health_of(finished[engine][1])


def _when_some_are_answered(process: subprocess.Popen[bytes], place: Path, before: set[Path]) -> Path:
    """The new run, once its journal holds some answers."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        for run in set((open_workspace(place).model / "benchmarks" / "fine-tuned").iterdir()) - before:
            journal = run / "run" / "journal.sqlite"
            if journal.exists() and _answered(journal) >= 8:
                return run
        time.sleep(0.02)
    pytest.fail("the run ended before it could be killed")


def _answered(journal: Path) -> int:
    with sqlite3.connect(f"file:{journal}?mode=ro", uri=True) as database:
        try:
            return int(database.execute("SELECT COUNT(*) FROM answers").fetchone()[0])
        except sqlite3.Error:
            return 0


CHOICES = """
task: letters
custom_dataset: !function documents.letters
output_type: multiple_choice
test_split: test
doc_to_text: "{{question}}"
doc_to_choice: ["A", "B", "C", "D"]
doc_to_target: "{{answer}}"
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
metadata: {version: 1.0}
"""
LETTERS = """
from datasets import Dataset


def letters(**_):
    return {"test": Dataset.from_list([{"question": f"the dog {n}", "answer": n % 4} for n in range(40)])}
"""


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    folder = tmp_path / "tasks"
    folder.mkdir()
    (folder / "letters.yaml").write_text(CHOICES)
    (folder / "documents.py").write_text(LETTERS)
    return folder


@pytest.mark.parametrize("engine", [ENGINES[0], pytest.param(ENGINES[1], marks=pytest.mark.long)])
@pytest.mark.parametrize("limit", ["4", pytest.param("40", marks=pytest.mark.long)])
def test_choices_that_never_differ_stop_the_run(letters: Path, engine: str, limit: str, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    folder = make_tiny_model(tmp_path / "outputs" / "flat")
    model = AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        model.lm_head.weight.zero_()
    model.save_pretrained(folder)
    common = [
        "--include-path",
        letters,
        "--tasks",
        "letters",
        "--limit",
        limit,
        "--no-base",
        "--no-readme",
        "--offline",
    ]
    ended = benchtui("run", "--model", folder, *common, "--engine", engine, cwd=tmp_path)
    assert ended.code == 1
    assert re.search(r"letters: all \d+ log-likelihoods are -11\.4075\d*, so the score would be chance", ended.err), (
        ended.err
    )
    assert "Traceback" not in ended.err
    assert not list((folder / "benchmarks").rglob("results_*.json")), "chance is no score"


def test_choices_that_all_fall_on_one_place_are_said(letters: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    folder = make_tiny_model(tmp_path / "outputs" / "constant")
    model = AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():  # whatever it reads, it computes the same
        model.model.embed_tokens.weight[:] = model.model.embed_tokens.weight[5].clone()
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
    model.save_pretrained(folder)
    common = ["--include-path", letters, "--tasks", "letters", "--no-base", "--no-readme", "--offline"]
    ended = benchtui("run", "--model", folder, *common, cwd=tmp_path)
    assert ended.code == 0, ended.err
    (results,) = (folder / "benchmarks").rglob("results_*.json")
    health = json.loads(results.read_text())["benchtui"]["health"]["letters"]
    assert health["choices"] == 40
    assert health["only_choice"] is not None
    said = f"the model prefers choice {health['only_choice'] + 1} in all 40 samples: its score is that of a constant"
    assert said in " ".join(ended.out.replace("!", "").split())
