"""The whole main job with a backend that benchtui knows nothing of: the folder `echo`, found by its entry point."""

from __future__ import annotations

import hashlib
import json
import math
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from benchtui.interpreter import this_python
from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal.journal import answered_requests
from benchtui.runs.records import run_state
from tests.e2e.commands import Finished, benchtui, results_in, samples_in
from tests.e2e.local_tasks import QUESTIONS, write_choice_task, write_data
from tests.e2e.tiny import make_tiny_model

pytestmark = pytest.mark.slow

ECHO = {"PYTHONPATH": str(Path(__file__).parent / "echo"), "HF_HUB_OFFLINE": "1"}
TASKS = ("echo_choice", "echo_generate")
REQUESTS = len(QUESTIONS) * 4
"""Three choices and one text for each document."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A base, a model trained from it (its weights are never read), and two tasks."""
    base = make_tiny_model(tmp_path / "base")
    tuned = make_tiny_model(tmp_path / "outputs" / "tuned" / "merged_16bit", seed=1)
    config = json.loads((tuned / "config.json").read_text())
    (tuned / "config.json").write_text(json.dumps(config | {"_name_or_path": str(base)}))
    data = write_data(tmp_path / "tasks" / "data.jsonl")
    write_choice_task(tmp_path / "tasks", TASKS[0], data)
    (tmp_path / "tasks" / f"{TASKS[1]}.yaml").write_text(
        f"task: {TASKS[1]}\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: {data}\ntest_split: test\n"
        "output_type: generate_until\ndoc_to_text: '{{question}}'\ndoc_to_target: '{{question}}'\n"
        "generation_kwargs: {until: [' '], max_gen_toks: 8}\nmetric_list:\n  - metric: exact_match\n"
    )
    return tmp_path


def arguments(place: Path) -> list[str | Path]:
    return [
        "run", "--outputs", place / "outputs", "--model", "tuned", "--base", place / "base", "--backend", "echo",
        "--tasks", ",".join(TASKS), "--include-path", place / "tasks",
    ]  # fmt: skip


def run(place: Path) -> Finished:
    return benchtui(*arguments(place), cwd=place, env=ECHO)


def directories(place: Path) -> tuple[RunDirectory, RunDirectory]:
    benchmarks = place / "outputs" / "tuned" / "benchmarks"
    (tuned,) = (benchmarks / "fine-tuned").iterdir()
    return RunDirectory(benchmarks / "base"), RunDirectory(tuned)


def loglikelihoods(folder: Path) -> list[list[float]]:
    samples = samples_in(folder, TASKS[0])
    return [[float(answer[0]) for answer in sample["filtered_resps"]] for sample in samples]


def doubt_of(identity: str) -> float:
    return 1 + hashlib.sha256(identity.encode()).digest()[0] / 16


def generated(identity: str) -> list[str]:
    """The same texts, cut from the questions."""
    return [asked["question"][-min(8, int(doubt_of(identity))) :].split(" ")[0] for asked in QUESTIONS]


def expected(identity: str) -> list[list[float]]:
    """The same numbers, reckoned from the questions."""
    doubt = doubt_of(identity)

    def likelihood(context: str, continuation: str) -> float:
        whole = math.log(len(context) + 256 * doubt)
        return sum(math.log(context.count(character) + doubt) - whole for character in continuation)

    return [[likelihood(asked["question"], f" {choice}") for choice in asked["choices"]] for asked in QUESTIONS]


def test_base_and_model_are_evaluated_and_compared(place: Path) -> None:
    done = run(place)
    assert done.code == 0, done.err
    for directory in directories(place):
        assert run_state(directory) == "finished"
        assert answered_requests(directory.journal) == REQUESTS
        plan = directory.plan()
        assert (plan.backend, plan.backend_settings, plan.backend_identity) == ("echo", {}, {})
        found = loglikelihoods(directory.lm_eval)
        assert [pytest.approx(row, abs=1e-6) for row in expected(plan.source.identity)] == found
        texts = [sample["filtered_resps"][0] for sample in samples_in(directory.lm_eval, TASKS[1])]
        assert texts == generated(plan.source.identity), "cut at the stop string, as lm-eval cuts"
        config = results_in(directory.lm_eval)["config"]
        assert (config["model"], config["model_dtype"]) == ("echo", "float64")
        assert "no model that answers as the backend echo does" in directory.equivalent_command.read_text()
    summary: dict[str, Any] = json.loads((place / "outputs" / "tuned" / "benchmarks" / "benchmark.json").read_text())
    assert set(summary["comparison"]) == set(TASKS)
    compared = benchtui("compare", "tuned", "--outputs", place / "outputs", cwd=place, env=ECHO)
    assert compared.code == 0, compared.err
    assert all(task in done.out for task in TASKS)


def test_a_killed_run_is_resumed_and_asks_nothing_twice(place: Path) -> None:
    process = subprocess.Popen(
        this_python("-m", "benchtui", *map(str, arguments(place))),
        cwd=place,
        env={**os.environ, **ECHO, "ECHO_SECONDS": "0.5"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    base = RunDirectory(place / "outputs" / "tuned" / "benchmarks" / "base")
    while process.poll() is None and (not base.journal.exists() or answered_requests(base.journal) < 3):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    kept = answered_requests(base.journal)
    assert 3 <= kept < REQUESTS
    done = benchtui("resume", "--outputs", place / "outputs", "--include-path", place / "tasks", cwd=place, env=ECHO)
    assert done.code == 0, done.err
    for directory in directories(place):
        assert run_state(directory) == "finished"
        assert answered_requests(directory.journal) == REQUESTS
        assert [pytest.approx(row, abs=1e-6) for row in expected(directory.plan().source.identity)] == loglikelihoods(
            directory.lm_eval
        )


def test_what_it_does_not_take_or_nobody_has_is_refused_before_the_run(place: Path) -> None:
    asked = [*arguments(place), "--format", "lora"]
    nowhere = benchtui(*arguments(place), cwd=place, env={"HF_HUB_OFFLINE": "1"})
    assert nowhere.code == 2
    assert "There is no backend 'echo'" in nowhere.err
    assert "This version evaluates with hf, gguf, ollama, openai, vllm, hybrid." in nowhere.err
    lora = place / "outputs" / "tuned" / "lora"
    lora.mkdir()
    (lora / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "base_model_name_or_path": "base"}))
    refused = benchtui(*asked, cwd=place, env=ECHO)
    assert refused.code == 2
    assert "The echo backend loads a merged model; tuned has lora." in refused.err
    assert not (place / "outputs" / "tuned" / "benchmarks").exists()
