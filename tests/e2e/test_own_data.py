"""A CSV file of one's own as a benchmark: previewed, killed, resumed without the file, compared, reported."""

from __future__ import annotations

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.commands import Finished, benchtui, results_in, samples_in
from tests.e2e.tiny import make_tiny_model

pytestmark = pytest.mark.slow

ROWS = [{"question": f"the cat counts to [bold]{n:02}[/]", "answer": f"{n:02}"} for n in range(30)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    make_tiny_model(folder / "base")
    make_tiny_model(folder / "outputs" / "tuned" / "merged_16bit", seed=1)
    with (folder / "counting.csv").open("w", newline="", encoding="latin-1") as file:
        writer = csv.DictWriter(file, ("question", "answer"), delimiter=";")
        writer.writeheader()
        writer.writerows([*ROWS, {"question": "wie zählt die Katze?", "answer": "größer"}])
    return folder


ARGUMENTS = ("run", "--data", "counting.csv", "--base", "./base", "--offline", "--batch-size", "1",
             "--gen-kwargs", "max_gen_toks=24")  # fmt: skip


@pytest.fixture(scope="module")
def killed(place: Path) -> str:
    """What the command said on stderr before it was killed, in the middle of the base's answers."""
    with (place / "said.txt").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchtui", *ARGUMENTS],
            cwd=place, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said, start_new_session=True,
        )  # fmt: skip
    journal = place / "outputs" / "tuned" / "benchmarks" / "base" / "run" / "journal.sqlite"
    deadline = time.monotonic() + 120
    while _answered(journal) < 3:
        assert process.poll() is None, (place / "said.txt").read_text()
        assert time.monotonic() < deadline, (place / "said.txt").read_text()
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert _answered(journal) < len(ROWS), "killed in the middle"
    return (place / "said.txt").read_text()


@pytest.fixture(scope="module")
def resumed(place: Path, killed: str) -> Finished:
    """Resumed by the name of the model alone, when the data file was gone."""
    (place / "counting.csv").rename(place / "away.csv")
    finished = benchtui("resume", "tuned", cwd=place)
    assert finished.code == 0, finished.err
    return finished


def _answered(journal: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db:
            count: int = db.execute("SELECT COUNT(*) FROM answers").fetchone()[0]
            return count
    except sqlite3.Error:
        return 0  # it is being made


def test_what_was_recognised_is_shown_before_anything_is_asked(killed: str) -> None:
    shown, started = killed.index("Your own data: counting, 31 samples"), killed.index("base: ")
    assert shown < started
    assert "| the cat counts to [bold]00[/]" in killed, "text of data is never markup"
    assert "expected: 00" in killed
    assert "';'" in killed
    assert "atin" in killed or "1252" in killed


def test_it_is_compared_and_reported_like_every_task(place: Path, resumed: Finished) -> None:
    benchmarks = place / "outputs" / "tuned" / "benchmarks"
    assert "counting" in resumed.out
    compared = benchtui("compare", cwd=place)
    assert "counting" in compared.out
    assert compared.code == 0, compared.err
    for run in (benchmarks / "base", *(benchmarks / "fine-tuned").iterdir()):
        assert list(results_in(run / "lm-eval")["results"]) == ["counting"]
        samples = samples_in(run / "lm-eval", "counting")
        assert [sample["doc"]["target"] for sample in samples] == [*(row["answer"] for row in ROWS), "größer"]
        assert samples[0]["doc"]["prompt"] == ROWS[0]["question"]
    assert benchtui("summarize", "tuned", cwd=place).code == 0
    summary = json.loads((benchmarks / "benchmark.json").read_text())
    assert summary["comparison"]["counting"]["paired_n"] == 31
    readme = (place / "outputs" / "tuned" / "README.md").read_text()
    assert "documents of counting.csv" in readme
    assert str(place) not in readme
    assert "counting" in benchtui("history", "tuned", cwd=place).out


def test_the_plan_says_where_the_documents_came_from(place: Path, resumed: Finished) -> None:
    (run,) = (place / "outputs" / "tuned" / "benchmarks" / "fine-tuned").iterdir()
    plan = json.loads((run / "run" / "plan.json").read_text())
    assert [(spec["name"], spec["source"]) for spec in plan["data"]] == [("counting", str(place / "counting.csv"))]
    command = (run / "run" / "lm_eval.sh").read_text()
    assert f"--include_path {place / 'tasks'}" in command
    assert "--tasks counting" in command
