"""`benchtui data check`: what it says, its exit codes, and rows that tell runs apart."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from benchtui.tasks.data.make import make_task
from benchtui.tasks.data.spec import DataSpec
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


def evaluated(folder: Path, data: Path, right: Callable[[int], bool]) -> None:
    """Write a run of these data as they are now, whose row number n, from 0, is right or not."""
    import pyarrow.parquet as pq

    made = make_task(DataSpec(name=data.stem, source=str(data)), folder / "tasks")
    documents = pq.read_table(made.data).to_pylist()
    outcomes = [right(n) for n in range(len(documents))]
    write_run(folder, {data.stem: Task({("exact_match", "none"): outcomes})}, stamp=STAMP)
    (samples,) = (folder / "lm-eval").glob("samples_*.jsonl")
    lines = [json.loads(line) for line in samples.read_text().splitlines()]
    samples.write_text("".join(json.dumps(line | {"doc": documents[line["doc_id"]]}) + "\n" for line in lines))


def test_rows_that_tell_no_runs_apart(data: Path, tmp_path: Path) -> None:
    model = tmp_path / "outputs" / "m" / "benchmarks"
    evaluated(model / "base", data, lambda n: n < 10)
    evaluated(model / "fine-tuned" / STAMP, data, lambda n: n < 20 and n != 3)
    where = ("--outputs", tmp_path / "outputs")
    runs = ("--run", "m", "--run", "m/base")
    ended = benchtui("data", "check", data, *runs, *where)
    assert ended.code == 0, ended.err
    assert "Right in every run: 9 of 30: line 1, line 2, line 3, line 5, line 6, …" in ended.out
    assert "Right in no run: 10 of 30: line 21" in ended.out
    [found] = json.loads(benchtui("data", "check", data, *runs, *where, "--json").out)
    assert found["right_in_no_run"] == [f"row-{n}" for n in range(20, 30)]
    assert found["left_out"] == 0
    other = write(tmp_path / "other.jsonl", [{"question": "x?", "answer": "y"}])
    one_line_error(benchtui("data", "check", other, *runs, *where), 1, ["no samples of other"])


def test_rows_are_paired_by_what_they_ask(tmp_path: Path) -> None:
    """Without ids a row is its number: after a row was put before the others, each is another one's."""
    rows: list[dict[str, object]] = [{"question": f"What is {n} + 100?", "answer": str(n + 100)} for n in range(8)]
    data = write(tmp_path / "sums.jsonl", rows)
    model = tmp_path / "outputs" / "m" / "benchmarks"
    evaluated(model / "base", data, lambda n: n in (3, 5))
    write(data, [{"question": "And 1?", "answer": "1"}, *rows[:6], {**rows[6], "answer": "0"}, rows[7]])
    evaluated(model / "fine-tuned" / STAMP, data, lambda n: n in (0, 4, 6))  # the new row, and those of 3 and 5
    write(data, [{"question": "And 2?", "answer": "2"}, {"question": "And 1?", "answer": "1"}, *rows[:7]])
    check = ("data", "check", data, "--run", "m", "--run", "m/base", "--outputs", tmp_path / "outputs")
    ended = benchtui(*check)
    assert ended.code == 0, ended.err
    assert "Right in every run: 2 of 6: line 6, line 8." in ended.out
    assert "Right in no run: 4 of 6: line 3, line 4, line 5, line 7." in ended.out
    assert "Left out: 2 rows of the runs are not in the data as they are read now." in ended.out
    [found] = json.loads(benchtui(*check, "--json").out)
    assert (found["right_in_every_run"], found["left_out"]) == (["6", "8"], 2)
    without = benchtui(*check, "--metric", "length")
    assert "not in the data as they are read now. Give --metric and" in without.out


def test_hostile_rows_stay_text(tmp_path: Path) -> None:
    row = {"id": EVIL, "question": f"{EVIL}?", "answer": EVIL, "wrong": [EVIL, f"{EVIL} "]}
    data = write(tmp_path / "evil.jsonl", [row, {**row, "id": "2", "answer": "other"}])
    for more in ((), ("--json",)):
        ended = benchtui("data", "check", data, *more)
        assert ended.code == 4, ended.err
        harmless(ended.out, more)
        harmless(ended.err, more)
