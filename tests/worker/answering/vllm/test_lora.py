"""An adapter on its base in vLLM, against peft on the same real model: each side in a worker of its own."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import VLLM, absent
from tests.e2e.commands import benchtui, samples_in
from tests.e2e.local_tasks import write_choice_task, write_data
from tests.worker.answering.vllm.test_vllm import CLOSE, QUESTIONS, write_tasks

pytestmark = [pytest.mark.vllm, pytest.mark.long, pytest.mark.timeout(1500)]

SIDES = ("base", "fine-tuned")


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory, real_model: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """By backend and side, what was answered to each task."""
    if not VLLM:
        absent("vllm", "BENCHTUI_TEST_VLLM names no Python with vLLM")
    place = tmp_path_factory.mktemp("lora")
    (place / "outputs").mkdir()
    shutil.copytree(real_model / "outputs" / "smollm2-gsm8k", place / "outputs" / "smollm2-gsm8k")
    data = write_data(place / "data.jsonl", QUESTIONS)
    write_choice_task(place / "tasks", "choices", data)
    names = ("choices", *write_tasks(place / "tasks", data))
    found = {}
    for backend, more in (("hf", ()), ("vllm", ("--python", VLLM))):
        done = benchtui(
            "run", "--model", "smollm2-gsm8k", "--base", real_model / "SmolLM2-135M-Instruct", "--backend", backend,
            *more, "--tasks", ",".join(names), "--include-path", "tasks", "--offline", "--no-readme", "--no-resume",
            "--chat-template", "off", cwd=place, timeout=1200,
        )  # fmt: skip
        assert done.code == 0, done.err
        for side in SIDES:
            runs = (place / "outputs" / "smollm2-gsm8k" / "benchmarks" / side).rglob("lm-eval")
            newest = max(runs, key=lambda run: run.stat().st_mtime)
            found[backend, side] = {name: samples_in(newest, name) for name in names}
    return found


def nats_of(answers: dict[str, Any], task: str) -> list[float]:
    return [float(answer[0][0]) if task != "rolling" else float(answer[0]) for sample in answers[task]
            for answer in sample["resps"]]  # fmt: skip


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("task", ["choices", "letters", "rolling"])
def test_both_sides_have_the_log_likelihoods_of_peft(samples: dict[Any, Any], side: str, task: str) -> None:
    right, found = (nats_of(samples[backend, side], task) for backend in ("hf", "vllm"))
    assert found == pytest.approx(right, abs=CLOSE)
    other = nats_of(samples["vllm", SIDES[side == SIDES[0]]], task)
    assert max(abs(one - two) for one, two in zip(found, other, strict=True)) > 100 * CLOSE, "the adapter is on"


@pytest.mark.parametrize("side", SIDES)
def test_greedy_texts_are_those_of_peft(samples: dict[Any, Any], side: str) -> None:
    assert [sample["resps"] for sample in samples["vllm", side]["writes"]] == [
        sample["resps"] for sample in samples["hf", side]["writes"]
    ]
