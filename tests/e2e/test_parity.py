"""The numbers at the end are those of `lm_eval run`: same model, tasks, shots, limit and template."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Hub
from tests.e2e.commands import benchtui, results_in, samples_in

pytestmark = [pytest.mark.hub, pytest.mark.slow, pytest.mark.timeout(900)]

LIMIT = 8
SHOTS = {0: ("hellaswag", "ifeval"), 5: ("gsm8k", "mmlu_anatomy", "mmlu_astronomy")}
TASKS = [task for tasks in SHOTS.values() for task in tasks]
SUITE = """
[suites.parity]
tasks = [
  "ifeval",
  {name = "gsm8k", num-fewshot = 5},
  {name = "hellaswag", num-fewshot = 0},
  {name = "mmlu_anatomy", num-fewshot = 5},
  {name = "mmlu_astronomy", num-fewshot = 5},
]
"""
LIKELIHOOD_TOLERANCE = {"lm-eval": 1e-6, "fast": 1e-4}
"""The fast engine sums in another order; its own tests bound it at 1e-4 in float32."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, hub: Hub) -> Path:
    path = tmp_path_factory.mktemp("parity")
    shutil.copytree(hub.root / "outputs", path / "outputs")
    for entry in (path / "outputs").rglob("*"):
        entry.chmod(0o755 if entry.is_dir() else 0o644)
    (path / "benchtui.toml").write_text(SUITE)
    return path


@pytest.fixture(scope="module")
def by_lm_eval(folder: Path, hub: Hub) -> dict[str, Path]:
    """`lm_eval run`'s own output folders, for the base and the fine-tuned model."""
    models = {
        "base": "tinyllamas/stories260K",
        "fine-tuned": str(folder / "outputs" / "stories260k-gsm8k" / "merged_16bit"),
    }
    return {role: _lm_eval(role, model, folder, hub) for role, model in models.items()}


def _lm_eval(role: str, model: str, folder: Path, hub: Hub) -> Path:
    import os

    output = folder / f"lm_eval-{role}"
    for shots, tasks in SHOTS.items():
        arguments = ["--model_args", f"pretrained={model},max_length=2048,dtype=float32", "--num_fewshot", str(shots)]
        arguments += ["--tasks", ",".join(tasks), "--limit", str(LIMIT), "--batch_size", "8", "--device", "cpu"]
        arguments += ["--apply_chat_template", "--log_samples", "--output_path", str(output / str(shots))]
        subprocess.run(
            [sys.executable, "-m", "lm_eval", "run", "--model", "hf", *arguments],
            cwd=folder,
            env={**os.environ, **hub.env},
            check=True,
            capture_output=True,
        )
    return output


@pytest.fixture(scope="module", params=["fast", "lm-eval"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def by_benchtui(folder: Path, hub: Hub, engine: str) -> dict[str, Path]:
    outputs = folder / f"outputs-{engine}"
    shutil.copytree(folder / "outputs", outputs, ignore=shutil.ignore_patterns("benchmarks"))
    finished = benchtui(
        "run", "--outputs", outputs, "--suite", "parity", "--limit", str(LIMIT), "--max-length", "2048",
        "--batch-size", "8", "--timeout", "10min", "--engine", engine,
        cwd=folder, env=hub.env, timeout=600,
    )  # fmt: skip
    assert finished.code == 0, finished.err
    benchmarks = outputs / "stories260k-gsm8k" / "benchmarks"
    (run,) = (benchmarks / "fine-tuned").iterdir()
    return {"base": benchmarks / "base" / "lm-eval", "fine-tuned": run / "lm-eval"}


@pytest.mark.parametrize("role", ["base", "fine-tuned"])
def test_every_metric_is_lm_evals(role: str, by_benchtui: dict[str, Path], by_lm_eval: dict[str, Path]) -> None:
    ours = results_in(by_benchtui[role])
    for shots, tasks in SHOTS.items():
        theirs = results_in(by_lm_eval[role] / str(shots))
        for task in tasks:
            assert set(ours["results"][task]) == set(theirs["results"][task])
            for metric, value in theirs["results"][task].items():
                assert ours["results"][task][metric] == value, (task, metric)
            assert ours["n-shot"][task] == theirs["n-shot"][task]
            assert ours["n-samples"][task] == theirs["n-samples"][task]
            assert ours["versions"][task] == theirs["versions"][task]
            assert ours["task_hashes"][task] == theirs["task_hashes"][task]
            assert ours["higher_is_better"][task] == theirs["higher_is_better"][task]


@pytest.mark.parametrize("role", ["base", "fine-tuned"])
@pytest.mark.parametrize("task", TASKS)
def test_every_sample_is_lm_evals(
    role: str, task: str, engine: str, by_benchtui: dict[str, Path], by_lm_eval: dict[str, Path]
) -> None:
    shots = next(n for n, tasks in SHOTS.items() if task in tasks)
    ours = samples_in(by_benchtui[role], task)
    theirs = samples_in(by_lm_eval[role] / str(shots), task)
    assert len(ours) == len(theirs) > 0
    for mine, other in zip(ours, theirs, strict=True):
        assert list(mine) == list(other)
        for key in other:
            if key in ("resps", "filtered_resps"):
                _same_answers(mine[key], other[key], LIKELIHOOD_TOLERANCE[engine])
            else:
                assert mine[key] == other[key], (task, mine["doc_id"], key)


def _same_answers(mine: Any, other: Any, tolerance: float) -> None:
    """Texts equal to the letter; log-likelihoods, which lm-eval writes as text, within `tolerance`."""
    if isinstance(other, list):
        assert len(mine) == len(other)
        for a, b in zip(mine, other, strict=True):
            _same_answers(a, b, tolerance)
        return
    try:
        expected = float(ast.literal_eval(other))
    except (ValueError, SyntaxError, TypeError):
        assert mine == other
        return
    assert float(ast.literal_eval(mine)) == pytest.approx(expected, abs=tolerance)
