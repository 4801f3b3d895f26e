"""`benchtui data check`: what it says, its exit codes, and rows that tell runs apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.results_commands import benchtui, one_line_error
from tests.cli.test_hostile_text import EVIL, harmless
from tests.synthetic import Task, write_run

STAMP = "2026-11-20T10-30-15"


def write(file: Path, rows: list[dict[str, object]]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows: list[dict[str, object]] = [
        {"id": f"row-{n}", "question": f"What is {n} + 100?", "answer": str(n + 100), "wrong": [str(n + 99)]}
        for n in range(30)
    ]
    return write(tmp_path / "sums.jsonl", rows)


def test_sound_data(data: Path) -> None:
    ended = benchtui("data", "check", data)
    assert ended.code == 0, ended.err
    assert "sums: 30 documents, sound." in ended.out
    assert "30 of 30 get full marks by exact_match" in ended.out
    assert "30 of 30 are told from right ones" in ended.out
    assert "A change of 5 points needs 658." in ended.out  # as benchtui plan says


def test_unsound_data_end_with_4(data: Path) -> None:
    with data.open("a") as more:
        more.write('{"id": "x", "question": "And 1?", "answer": "1", "wrong": "1, or 2"}\n')
    ended = benchtui("data", "check", data, "--metric", "contains")
    assert ended.code == 4, ended.err
    assert "NOT sound" in ended.out
    assert "line 31: the wrong answer '1, or 2' gets 1 by contains." in ended.out
    [found] = json.loads(benchtui("data", "check", data, "--metric", "contains", "--json").out)
    assert [(each["id"], each["should_be"]) for each in found["misjudged"]] == [("x", "wrong")]


def test_rows_that_tell_no_runs_apart(data: Path, tmp_path: Path) -> None:
    model = tmp_path / "outputs" / "m" / "benchmarks"
    for place, right in (("base", lambda n: n < 10), (f"fine-tuned/{STAMP}", lambda n: n < 20 and n != 3)):
        task = Task({("exact_match", "none"): [right(n) for n in range(30)]}, documents=[f"row-{n}" for n in range(30)])
        write_run(model / place, {"sums": task}, stamp=STAMP)
        for file in (model / place / "lm-eval").glob("samples_*.jsonl"):
            file.write_text(file.read_text().replace('"doc": {"name":', '"doc": {"id":'))
    where = ("--outputs", tmp_path / "outputs")
    runs = ("--run", "m", "--run", "m/base")
    ended = benchtui("data", "check", data, *runs, *where)
    assert ended.code == 0, ended.err
    assert "Right in every run: 9 of 30: line 1, line 2, line 3, line 5, line 6, …" in ended.out
    assert "Right in no run: 10 of 30: line 21" in ended.out
    [found] = json.loads(benchtui("data", "check", data, *runs, *where, "--json").out)
    assert found["right_in_no_run"] == [f"row-{n}" for n in range(20, 30)]
    other = write(tmp_path / "other.jsonl", [{"question": "x?", "answer": "y"}])
    one_line_error(benchtui("data", "check", other, *runs, *where), 1, ["no samples of other"])


def test_hostile_rows_stay_text(tmp_path: Path) -> None:
    row = {"id": EVIL, "question": f"{EVIL}?", "answer": EVIL, "wrong": [EVIL, f"{EVIL} "]}
    data = write(tmp_path / "evil.jsonl", [row, {**row, "id": "2", "answer": "other"}])
    for more in ((), ("--json",)):
        ended = benchtui("data", "check", data, *more)
        assert ended.code == 4, ended.err
        harmless(ended.out, more)
        harmless(ended.err, more)
