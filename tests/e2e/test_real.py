"""A real instruct model of 135M parameters and an adapter trained on it: what lm-eval finds, and nothing else.

BENCHTUI_TEST_REAL_SIZE=full is `make real`: ten times the documents, with and without chat template (about an hour).
"""

from __future__ import annotations

import ast
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Hub
from tests.e2e.commands import benchtui, lm_eval, results_in, samples_in

pytestmark = [pytest.mark.hub, pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(7200)]


@dataclass(frozen=True)
class Part:
    """Tasks that `lm_eval run` evaluates in one command, `batch` sequences at once."""

    shots: int
    limit: int
    tasks: tuple[str, ...]
    settings: str = ""
    batch: int = 1


FULL = (
    Part(0, 10, ("ifeval",), batch=10),  # up to 1,280 tokens an answer
    Part(5, 10, ("gsm8k",)),
    Part(0, 50, ("hellaswag",)),
    Part(5, 30, ("mmlu_anatomy", "mmlu_astronomy")),
)
SHORT = (
    Part(0, 2, ("ifeval", "hellaswag"), "max_gen_toks=48"),
    Part(2, 2, ("gsm8k", "mmlu_anatomy", "mmlu_astronomy"), "max_gen_toks=48"),
)
IS_FULL = os.environ.get("BENCHTUI_TEST_REAL_SIZE") == "full"
PARTS = FULL if IS_FULL else SHORT


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, real_model: Path) -> Path:
    path = tmp_path_factory.mktemp("real")
    (path / "base").symlink_to(real_model / "SmolLM2-135M-Instruct", target_is_directory=True)
    shutil.copytree(real_model / "outputs", path / "outputs")
    return path


@pytest.mark.parametrize("templated", [True, False] if IS_FULL else [True])
@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.tasks[0])
def test_every_metric_and_every_text_is_lm_evals(
    part: Part, templated: bool, folder: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"{part.tasks[0]}-{'chat' if templated else 'plain'}"
    outputs = folder / name
    shutil.copytree(folder / "outputs", outputs)
    began = time.monotonic()
    settings = ["--gen-kwargs", part.settings] if part.settings else []
    finished = benchtui(
        "run", "--outputs", outputs, "--base", folder / "base", "--tasks", ",".join(part.tasks),
        "--num-fewshot", str(part.shots), "--limit", str(part.limit), "--chat-template", "on" if templated else "off",
        "--dtype", "float32", *settings, cwd=folder, env=hub.env, timeout=3600,
    )  # fmt: skip
    took = time.monotonic() - began
    assert finished.code == 0, finished.err
    benchmarks = outputs / "smollm2-gsm8k" / "benchmarks"
    (tuned,) = (benchmarks / "fine-tuned").iterdir()
    adapter = outputs / "smollm2-gsm8k" / "lora"
    lines = []
    for side, ours, model in (
        ("base", benchmarks / "base" / "lm-eval", f"pretrained={folder / 'base'}"),
        ("fine-tuned", tuned / "lm-eval", f"pretrained={folder / 'base'},peft={adapter},tokenizer={adapter}"),
    ):
        theirs = folder / f"{name}-{side}"
        flags = ["--num_fewshot", str(part.shots), "--limit", str(part.limit), "--tasks", ",".join(part.tasks)]
        flags += ["--apply_chat_template"] if templated else []
        flags += ["--gen_kwargs", part.settings] if part.settings else []
        arguments = ["--model_args", f"{model},dtype=float32", "--batch_size", str(part.batch), "--device", "cpu"]
        began = time.monotonic()
        lm_eval(
            "run",
            "--model",
            "hf",
            *arguments,
            *flags,
            "--log_samples",
            "--output_path",
            theirs,
            cwd=folder,
            env=hub.env,
        )
        reference = time.monotonic() - began
        for task in part.tasks:
            metrics, largest = _compare(task, ours, theirs)
            lines.append(f"{name:20} {side:11} {task:16} n {part.limit:3}  {metrics}  largest |dll| {largest:.1e}"
                         f"  benchtui {took:.0f} s (both sides), lm-eval {reference:.0f} s")  # fmt: skip
    with capsys.disabled():
        print("\n" + "\n".join(lines))


def _compare(task: str, ours: Path, theirs: Path) -> tuple[str, float]:
    """Metrics in words, and the largest difference between two log-likelihoods."""
    mine, other = results_in(ours)["results"][task], results_in(theirs)["results"][task]
    metrics = {key: value for key, value in other.items() if "," in key}
    assert {key: mine[key] for key in metrics} == metrics
    largest = 0.0
    for one, two in zip(samples_in(ours, task), samples_in(theirs, task), strict=True):
        for key in ("doc_id", "doc_hash", "prompt_hash", "target_hash", "arguments"):
            assert one[key] == two[key], (task, one["doc_id"], key)
        largest = max(largest, _difference(one["resps"], two["resps"]))
    assert largest <= 5e-4, "float32 sums in another order; a metric that turned on it was compared above"
    words = ", ".join(f"{key} {value:.4g}" for key, value in metrics.items() if "stderr" not in key)
    return words, largest


def _difference(mine: Any, theirs: Any) -> float:
    if isinstance(theirs, list):
        assert len(mine) == len(theirs)
        return max((_difference(one, other) for one, other in zip(mine, theirs, strict=True)), default=0.0)
    try:
        return abs(float(ast.literal_eval(str(mine))) - float(ast.literal_eval(str(theirs))))
    except (ValueError, SyntaxError, TypeError):
        assert mine == theirs
        return 0.0
