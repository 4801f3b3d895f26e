from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.results_commands import benchtui, one_line_error, write_model
from tests.synthetic import ifeval, write_run


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    write_model(tmp_path, "weak", 10, 5, stamp="2026-11-19T00-00-00")
    write_model(tmp_path, "strong", 90, 20, stamp="2026-11-20T00-00-00")
    write_model(tmp_path, "strong", 100, 20, stamp="2026-11-21T00-00-00")
    return tmp_path


def test_the_leaderboard_has_the_latest_run_of_each_model_best_first(outputs: Path) -> None:
    records = json.loads(benchtui("history", "--outputs", outputs, "--format", "json").out)
    assert [(r["model"], Path(r["run"]).name) for r in records] == [
        ("strong", "2026-11-21T00-00-00"),
        ("weak", "2026-11-19T00-00-00"),
    ]
    every = json.loads(benchtui("history", "--outputs", outputs, "--all-runs", "--format", "json").out)
    assert [Path(r["run"]).name[:10] for r in every] == ["2026-11-19", "2026-11-20", "2026-11-21"]


def test_notes_stand_in_the_log(outputs: Path) -> None:
    assert benchtui("note", "strong", "Better [b]base[/b]!", "--outputs", outputs).code == 0
    assert benchtui("note", "strong", "--outputs", outputs).out == "Better [b]base[/b]!\n"
    table = benchtui("history", "strong", "--outputs", outputs).out
    assert "Better" in table
    assert "[b]base[/b]!" in table
    assert table.count("2026-11") == 2
    benchtui("note", "strong", "", "--outputs", outputs)
    assert "Better" not in benchtui("history", "strong", "--outputs", outputs).out


def test_the_table_fits_the_terminal_and_says_what_it_left_out(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    ended = benchtui("history", "--outputs", outputs, "--task", "gsm8k")
    assert max(map(len, ended.out.splitlines())) <= 50
    assert "gsm8k" in ended.out
    assert "No room for ifeval" in ended.err


def test_a_pipe_has_every_task_and_the_whole_note(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    note = "a note that is a good deal longer than any terminal would have room for beside two tasks"
    benchtui("note", "strong", note, "--outputs", outputs)
    ended = benchtui("history", "--outputs", outputs)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.split("\n")[0].split()[-3:] == ["ifeval", "gsm8k", "Notes"]
    assert note in ended.out


def test_what_is_not_there_is_named(outputs: Path) -> None:
    one_line_error(benchtui("history", "--task", "mmlu", "--outputs", outputs), 2, ["'mmlu'", "ifeval, gsm8k"])
    one_line_error(benchtui("note", "nothing", "x", "--outputs", outputs), 1, ["no run 'nothing'", "benchtui runs"])
    one_line_error(benchtui("history", "--outputs", outputs / "no"), 2, ["There is no folder"])
    (outputs / "fresh").mkdir()
    one_line_error(benchtui("history", "fresh", "--outputs", outputs), 1, ["No run of fresh", "benchtui run"])


def test_what_cannot_be_compared_has_a_dash_and_a_reason(tmp_path: Path) -> None:
    for number in range(5):
        folder = tmp_path / f"model-{number}" / "benchmarks"
        write_run(folder / "base", {"ifeval": ifeval([True, False] * 20)})
        write_run(folder / "fine-tuned" / "run", {"ifeval": ifeval([True] * 40, prompt="<|user|>", shots=5)})
    ended = benchtui("history", "--outputs", tmp_path)
    assert ended.out.count("100.0% (–)") == 5
    told = ended.err.splitlines()
    assert len(told) == 4
    assert told[0].startswith("model-0, run, ifeval: Not comparable: 40 of 40 were asked with another prompt")
    assert told[3] == "2 more scores cannot be compared: --format json says why."


def test_folders_that_cannot_be_read_are_listed_with_what_is_wrong(outputs: Path) -> None:
    damaged = outputs / "strong" / "benchmarks" / "fine-tuned" / "2026-11-21T00-00-00"
    (damaged / "lm-eval" / "results_2026-11-21T00-00-00.json").write_text("{")
    (outputs / "weak" / "benchmarks" / "fine-tuned" / "2026-11-25T00-00-00").mkdir()
    (outputs / "weak" / "benchmarks" / "fine-tuned" / "2026-11-25T00-00-00" / "lm-eval").symlink_to("lm-eval")
    board = benchtui("history", "--outputs", outputs)
    assert board.code == 0
    assert "2026-11-20" in board.out.replace("\n", " "), "the run before it counts"
    assert "strong, 2026-11-21T00-00-00: " in board.err
    assert "is damaged or not an lm-eval result file" in board.err
    every = json.loads(benchtui("history", "--all-runs", "--outputs", outputs, "--format", "json").out)
    assert [run["problem"] != "" for run in every if run["run"] == str(damaged)] == [True]


def test_models_one_level_down_are_in_the_log(outputs: Path) -> None:
    write_model(outputs / "experiment", "nested", 90, 20)
    records = json.loads(benchtui("history", "--outputs", outputs, "--format", "json").out)
    assert "experiment/nested" in [record["model"] for record in records]


def test_thousands_of_runs_are_a_line_each(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchtui.cli.history.LONGEST_TABLE", 2)
    lines = benchtui("history", "--all-runs", "--outputs", outputs).out.splitlines()
    assert len(lines) == 1 + 3
    assert lines[0].split()[:3] == ["#", "Model", "Run"]
    assert "strong" in lines[3]
