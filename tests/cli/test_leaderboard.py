"""`benchtui leaderboard`: the same figures as `compare` and `history`, in every format."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchtui.cli.leaderboard import FORMATS
from benchtui.interpreter import this_python
from tests.cli.results_commands import benchtui, one_line_error
from tests.compare.leaderboard.models import three_models


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return three_models(tmp_path_factory.mktemp("leaderboard") / "outputs")


def as_json(outputs: Path, *more: str) -> dict[str, Any]:
    ended = benchtui("leaderboard", "--outputs", outputs, "--format", "json", *more)
    assert (ended.code, ended.err) == (0, "")
    found: dict[str, Any] = json.loads(ended.out)
    return found


def cells(found: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(each["name"], cell["task"]): cell for each in found["candidates"] for cell in each["tasks"]}


def test_history_and_leaderboard_agree_to_the_last_digit(outputs: Path) -> None:
    board = cells(as_json(outputs))
    history = json.loads(benchtui("history", "--outputs", outputs, "--format", "json").out)
    seen = 0
    for experiment in history:
        for task, outcome in experiment["tasks"].items():
            cell = board[experiment["model"], task]
            names = ("value", "change", "n", "total", "partial", "stopped_early")
            assert [cell[name] for name in names] == [outcome[name] for name in names]
            seen += 1
    assert seen == 6


def test_compare_and_leaderboard_agree_to_the_last_digit(outputs: Path) -> None:
    board = cells(as_json(outputs))
    for model in ("good", "same", "bad"):
        pair = json.loads(benchtui("compare", model, "--outputs", outputs, "--format", "json").out)
        for row in pair["rows"]:
            if row["level"] != "headline":
                continue
            cell = board[model, row["task"]]
            assert (cell["value"], cell["low"], cell["high"]) == (
                row["second"],
                row["second_low"],
                row["second_high"],
            )
            names = ("change", "difference_low", "difference_high", "difference_level", "p")
            assert [cell[name] for name in names] == [row[name] for name in names]
            assert cell["p_holm"] >= cell["p"]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_written_to_a_file_and_to_stdout(
    outputs: Path, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    shown = benchtui("leaderboard", "--outputs", outputs, "--format", form)
    file = tmp_path / "board"
    written = benchtui("leaderboard", "--outputs", outputs, "--format", form, "--output", file)
    assert (shown.code, written.code, written.out) == (0, 0, "")
    assert written.err == f"Written: {file}\n"
    assert "good" in file.read_text(encoding="utf-8")
    if form != "svg":  # which has its identifiers in it
        assert file.read_text(encoding="utf-8") == shown.out


def test_rows_and_columns_are_chosen(outputs: Path) -> None:
    found = as_json(outputs, "--task", "gsm8k", "--sort", "name")
    assert [column["task"] for column in found["columns"]] == ["gsm8k"]
    assert [each["name"] for each in found["candidates"]] == ["bad", "good", "org/base", "same"]
    assert found["tests"] == 3
    some = as_json(outputs, "--sort", "gsm8k", "--reverse", "good", "bad")
    assert some["candidates"][0]["name"] == "bad"
    assert "same" not in {each["name"] for each in some["candidates"]}
    against = cells(as_json(outputs, "--reference", "good"))
    assert against["good", "ifeval"]["state"] == "reference"
    assert against["bad", "ifeval"]["change"] < 0


def test_sorting_and_grouping_change_no_verdict(outputs: Path) -> None:
    assert cells(as_json(outputs)) == cells(as_json(outputs, "--sort", "gsm8k", "--group", "model"))


def test_other_runs_have_their_scores(tmp_path: Path) -> None:
    outputs = three_models(tmp_path / "outputs")
    runs = outputs / "good/benchmarks/fine-tuned"
    for name in ("x", "y"):
        shutil.copytree(runs / "2026-11-20T10-00-00", runs / name)
    good = next(each for each in as_json(outputs, "--all-runs")["candidates"] if each["name"] == "good")
    scores = {cell["task"]: cell["value"] for cell in good["tasks"] if cell["task"] != "mean"}
    assert [run["scores"] for run in good["other_runs"]] == [scores, scores]
    lines = benchtui("leaderboard", "--outputs", outputs, "--all-runs").out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("good"))
    assert [line[:12] for line in lines[at + 1 : at + 3]] == ["  2026-11-20", "  2026-11-20"]


def test_csv_has_every_figure_of_json(outputs: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(benchtui("leaderboard", "--outputs", outputs, "--format", "csv").out)))
    board = cells(as_json(outputs))
    assert {(row["name"], row["task"]): float(row["value"]) for row in rows} == {
        key: cell["value"] for key, cell in board.items()
    }


def test_what_is_typed_wrongly_is_said_in_one_line(outputs: Path, tmp_path: Path) -> None:
    one_line_error(benchtui("leaderboard", "--outputs", outputs, "--sort", "mmlu"), 2, ["no column 'mmlu'", "gsm8k"])
    one_line_error(benchtui("leaderboard", "--outputs", outputs, "--reference", "x"), 2, ["'x'"])
    (tmp_path / "empty").mkdir()
    one_line_error(benchtui("leaderboard", "--outputs", tmp_path / "empty"), 1, ["results yet", "benchtui run"])
    (tmp_path / "file").touch()
    nowhere = tmp_path / "file" / "board.csv"
    ended = benchtui("leaderboard", "--outputs", outputs, "--format", "csv", "--output", nowhere)
    one_line_error(ended, 1, ["cannot be written", "--output"])


def test_a_readme_has_the_leaderboard_where_it_is_asked_for(outputs: Path) -> None:
    ended = benchtui("readme", "good", "--leaderboard", "--outputs", outputs)
    assert ended.code == 0
    readme = outputs / "good" / "README.md"
    text = readme.read_text(encoding="utf-8")
    assert text.count("### Leaderboard") == 1
    assert "org/base" in text.partition("### Leaderboard")[2]
    again = benchtui("readme", "good", "--leaderboard", "--outputs", outputs)
    assert "README.md: already up to date" in again.out
    benchtui("readme", "good", "--outputs", outputs)
    assert "### Leaderboard" not in readme.read_text(encoding="utf-8")


@pytest.mark.parametrize("line", ["leaderboard", "pick", "compare good", "history"])
def test_a_stream_that_cannot_write_every_sign_gets_plain_ones(outputs: Path, line: str) -> None:
    done = subprocess.run(
        this_python("-m", "benchtui", *line.split(), "--outputs", outputs),
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        check=False,
    )
    assert done.returncode in (0, 3), done.stderr
    assert b"\\u" not in done.stdout
    assert b"-" in done.stdout
