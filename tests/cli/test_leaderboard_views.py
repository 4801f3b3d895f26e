"""`benchtui leaderboard --pairwise`, `--steps` and `--pareto`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.results_commands import benchtui, one_line_error, write_model


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    for name, fixed, broken in (("good", 120, 5), ("same", 11, 10)):
        write_model(tmp_path / "outputs", name, fixed, broken)
    return tmp_path / "outputs"


def test_every_pair_of_a_task(outputs: Path) -> None:
    ended = benchtui("leaderboard", "--outputs", outputs, "--pairwise", "ifeval", "--format", "json")
    assert ended.code == 0, ended.err
    rows = json.loads(ended.out)["rows"]
    assert {row["task"] for row in rows} == {"ifeval"}
    (pair,) = [row for row in rows if {row["first"], row["second"]} == {"good", "same"}]
    alone = benchtui("compare", "good", "same", "--outputs", outputs, "--format", "json")
    found = next(row for row in json.loads(alone.out)["rows"] if row["task"] == "ifeval" and row["level"] == "headline")
    assert pair["change"] == found["change"]
    assert (pair["low"], pair["high"], pair["p"]) == (found["difference_low"], found["difference_high"], found["p"])
    assert pair["better"] == "good"


def test_a_table_without_a_task_is_of_the_first_one(outputs: Path) -> None:
    ended = benchtui("leaderboard", "--outputs", outputs, "--pairwise")
    assert ended.code == 0, ended.err
    assert "good" in ended.out
    assert "Above the diagonal" in ended.out


def test_what_there_is_not_is_one_line(outputs: Path) -> None:
    one_line_error(benchtui("leaderboard", "--outputs", outputs, "--pairwise", "good"), 2, ["'good'"])
    one_line_error(benchtui("leaderboard", "--outputs", outputs, "--steps"), 2, ["checkpoints"])
    one_line_error(benchtui("leaderboard", "--outputs", outputs, "--steps", "--pareto"), 2, ["one of them"])
