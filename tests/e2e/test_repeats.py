"""Several drawn answers to each sample, by a real worker: killed and resumed they are those of an uninterrupted run."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchtui.demo.workspace import demo_paths, open_workspace
from tests.e2e.commands import benchtui, results_in, samples_in

pytestmark = pytest.mark.slow

K, DOCUMENTS, TASK = 3, 30, "demo_instructions"
METRIC = "prompt_level_strict_acc"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return open_workspace(tmp_path_factory.mktemp("repeats") / "demo").root


def arguments(place: Path, *more: str) -> list[str | Path]:
    return [
        *("run", "--outputs", open_workspace(place).outputs, "--no-base", "--include-path", demo_paths().tasks),
        *("--tasks", TASK, "--limit", str(DOCUMENTS), "--no-readme", "--offline", "--batch-size", "1"),
        *("--gen-kwargs", "do_sample=true,temperature=1.0", "--repeats", str(K), *more),
    ]


def runs(place: Path) -> set[Path]:
    folder = open_workspace(place).model / "benchmarks" / "fine-tuned"
    return set(folder.iterdir()) if folder.is_dir() else set()


@pytest.fixture(scope="module")
def whole(place: Path) -> Path:
    ended = benchtui(*arguments(place), cwd=place)
    assert ended.code == 0, ended.err
    assert f"Each sample is answered {K} times" in ended.err
    (run,) = runs(place)
    return run


def answers(run: Path) -> list[list[str]]:
    found = [sample["resps"][0] for sample in samples_in(run / "lm-eval", TASK) if sample["filter"] == "none"]
    assert len(found) == DOCUMENTS
    return found


def test_a_score_is_the_mean_over_documents_of_their_means(whole: Path) -> None:
    content = results_in(whole / "lm-eval")
    scores = np.array([sample["repeats"][METRIC] for sample in samples_in(whole / "lm-eval", TASK)])
    assert scores.shape == (DOCUMENTS, K)
    found: dict[str, Any] = content["results"][TASK]
    means = scores.mean(axis=1)
    assert found[f"{METRIC},none"] == pytest.approx(means.mean())
    assert found[f"{METRIC}_stderr,none"] == pytest.approx(means.std(ddof=1) / np.sqrt(DOCUMENTS))
    assert found[f"{METRIC}_pass@{K},none"] == pytest.approx(scores.max(axis=1).mean())
    assert content["configs"][TASK]["repeats"] == K
    assert content["benchtui"]["repeats"][TASK][f"{METRIC},none"]["answers"] == K
    assert content["n-samples"][TASK]["effective"] == DOCUMENTS


def test_answers_to_one_sample_differ(whole: Path) -> None:
    assert np.mean([len(set(texts)) for texts in answers(whole)]) > 1.5


def test_a_killed_and_resumed_run_has_the_same_answers(whole: Path, place: Path) -> None:
    before = runs(place)
    process = subprocess.Popen(
        [sys.executable, "-m", "benchtui", *map(str, arguments(place))],
        cwd=place,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    run = _when_some_are_answered(process, place, before)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert K < _answered(run / "run" / "journal.sqlite") < K * DOCUMENTS, "killed in the middle"
    resumed = benchtui("resume", run, cwd=place)
    assert resumed.code == 0, resumed.err
    assert answers(run) == answers(whole)
    assert results_in(run / "lm-eval")["results"] == results_in(whole / "lm-eval")["results"]


def _when_some_are_answered(process: subprocess.Popen[bytes], place: Path, before: set[Path]) -> Path:
    """The new run, once its journal holds some answers, of which not all belong to whole documents."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        for run in runs(place) - before:
            journal = run / "run" / "journal.sqlite"
            if journal.exists() and _answered(journal) >= K + 1:
                return run
        time.sleep(0.01)
    pytest.fail("the run ended before it could be killed")


def _answered(journal: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db:
            count: int = db.execute("SELECT COUNT(*) FROM answers").fetchone()[0]
            return count
    except sqlite3.Error:
        return 0  # it is being made
