"""Log-likelihood tasks of two models that answer as one: at both ends each model's own results, between them others."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from benchtui.demo.workspace import BASE_NAME, SMALL_NAME, demo_paths, open_workspace
from benchtui.interpreter import this_python
from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal.journal import answered_requests
from tests.e2e.commands import benchtui, results_in, samples_in

pytestmark = pytest.mark.slow
PAIR = f"{SMALL_NAME}+{BASE_NAME}"
TASK = "demo_knowledge"
ASKED = ("--tasks", TASK, "--dtype", "float32", "--device", "cpu")
LITTLE = ("--include-path", str(demo_paths().tasks), "--limit", "30")
BOTH = ("--small", f"models/{SMALL_NAME}", "--large", f"models/{BASE_NAME}")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return open_workspace(tmp_path_factory.mktemp("scores") / "d").root


def alone(demo: Path, model: str, *more: str) -> Path:
    done = benchtui("run", "--model", f"models/{model}", "--no-base", "--no-readme", *ASKED, *more, cwd=demo)
    assert done.code == 0, done.err
    return max((demo / "models" / model / "benchmarks" / "fine-tuned").iterdir()) / "lm-eval"


def newest(demo: Path) -> RunDirectory:
    return RunDirectory(max((demo / "outputs" / PAIR / "benchmarks" / "fine-tuned").iterdir()))


def hybrid(demo: Path, *more: str) -> Path:
    done = benchtui("hybrid", "run", *BOTH, "--no-readme", "--no-resume", *ASKED, *more, cwd=demo)
    assert done.code == 0, done.err
    return newest(demo).lm_eval


def answers(folder: Path) -> list[Any]:
    """Every log-likelihood of every document, and whether it is the greedy one, as lm-eval's samples have them."""
    return [sample["resps"] for sample in samples_in(folder, TASK)]


def test_at_both_ends_all_results_are_each_models_own_to_the_last_bit(demo: Path) -> None:
    small, large = (alone(demo, model, *LITTLE) for model in (SMALL_NAME, BASE_NAME))
    for threshold, own in (("inf", small), ("0", large)):
        found = hybrid(demo, *LITTLE, "--strategy", "entropy", "--threshold", threshold)
        assert results_in(found)["results"] == results_in(own)["results"]
        assert answers(found) == answers(own)
    between = hybrid(demo, *LITTLE, "--strategy", "entropy", "--threshold", "1.5")
    assert answers(between) not in (answers(small), answers(large))


@pytest.fixture(scope="module")
def many(demo: Path) -> Path:
    """The same task with ten times the documents."""
    folder = demo / "many"
    shutil.copytree(demo_paths().tasks, folder)
    lines = (folder / f"{TASK}.jsonl").read_text()
    (folder / f"{TASK}.jsonl").write_text(lines * 10)
    return folder


def test_a_stopped_and_resumed_run_has_the_same_answers(demo: Path, many: Path) -> None:
    """With so many examples that contexts are cut to the window."""
    more = ("--include-path", str(many), "--strategy", "margin", "--threshold", "0.9", "--num-fewshot", "30")
    whole = hybrid(demo, *more)
    before = newest(demo)
    process = subprocess.Popen(
        this_python("-m", "benchtui", "hybrid", "run", *BOTH, "--no-resume", "--no-readme", *ASKED, *more),
        cwd=demo, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while (run := newest(demo)).path == before.path or not answered_requests(run.journal):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    early, expected = answered_requests(run.journal), answers(whole)
    assert 0 < early < 4 * len(expected), "all was answered before it was stopped"
    done = benchtui("resume", "--include-path", many, f"{PAIR}/{run.path.name}", cwd=demo)
    assert done.code == 0, done.err
    for one, other in zip(answers(run.lm_eval), expected, strict=True):
        for (mine,), (theirs,) in zip(one, other, strict=True):
            assert float(mine[0]) == pytest.approx(float(theirs[0]), abs=1e-4)
            assert mine[1] == theirs[1]
    assert results_in(run.lm_eval)["results"] == results_in(whole)["results"]
