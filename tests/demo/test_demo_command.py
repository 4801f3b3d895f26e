"""`benchtui demo` as a user types it: a process of its own, no network, a home that is empty."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchtui.demo.workspace import BASE_NAME, MODEL_NAME

pytestmark = pytest.mark.slow


def _demo(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (home / "work").mkdir(parents=True, exist_ok=True)
    settings = {key: value for key, value in os.environ.items() if not key.startswith(("BENCHTUI_", "HF_", "XDG_"))}
    return subprocess.run(
        [sys.executable, "-m", "benchtui", "demo", *arguments],
        cwd=home / "work",
        env={**settings, "HOME": str(home), "HF_HOME": str(home / "hf"), "HF_ENDPOINT": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    home = tmp_path_factory.mktemp("home")
    # Settings meant for the user's own models must not change what the demo does.
    (home / "work").mkdir()
    (home / "work" / "benchtui.toml").write_text('[run]\nsuite = "full"\nlimit = 3\n')
    return _demo(home), home / "work" / "benchtui-demo"


def test_it_ends_with_the_comparison_and_what_to_do_next(
    demo: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    ran, _ = demo
    assert ran.returncode == 0, ran.stderr
    table = ran.stdout.splitlines()
    assert [line for line in table if "Following Instructions" in line and "↗" in line and "28.6" in line]
    assert [line for line in table if "Facts of the Islands" in line and "↘" in line]
    first, *_, results, next_step = ran.stderr.strip().splitlines()
    assert first.startswith("This is: benchtui run --outputs benchtui-demo/outputs ")
    assert f"{MODEL_NAME}/benchmarks" in results
    assert "benchtui run" in next_step


def test_it_leaves_results_where_every_run_does(demo: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    _, workspace = demo
    benchmarks = workspace / "outputs" / MODEL_NAME / "benchmarks"
    summary = json.loads((benchmarks / "benchmark.json").read_text())
    assert Path(summary["base_model_name"]).name == BASE_NAME
    instructions, knowledge = (summary["comparison"][task] for task in ("demo_instructions", "demo_knowledge"))
    assert instructions["finetuned_accuracy"] > instructions["base_accuracy"] + 0.2
    assert knowledge["finetuned_accuracy"] < knowledge["base_accuracy"] - 0.05
    for run in (benchmarks / "base", *(benchmarks / "fine-tuned").iterdir()):
        assert len(list((run / "lm-eval").glob("results_*.json"))) == 1
        lines = [line for file in (run / "lm-eval").glob("samples_*.jsonl") for line in file.read_text().splitlines()]
        assert len(lines) == 192 + 200


@pytest.mark.long
def test_again_it_reuses_the_base(demo: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    first, workspace = demo
    assert first.returncode == 0
    again = _demo(workspace.parents[1], "benchtui-demo", "--keep")
    assert again.returncode == 0, again.stderr
    assert "Base results are reused" in again.stderr
    runs = list((workspace / "outputs" / MODEL_NAME / "benchmarks" / "fine-tuned").iterdir())
    assert len(runs) == 2
