from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from benchtui.plans.plan import write_plan
from benchtui.runs.directory import RunDirectory
from tests.cli.results_commands import benchtui, one_line_error, write_model
from tests.lm_eval_runs import RealRuns, real_runs
from tests.run_stories import make_run

__all__ = ["real_runs"]


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    write_model(tmp_path, "llama-lima", 90, 20)
    write_model(tmp_path, "llama-alpaca", 60, 40, stamp="2026-11-21T10-30-15")
    return tmp_path


def test_a_model_is_compared_with_its_own_base(outputs: Path) -> None:
    ended = benchtui("compare", "llama-lima", "--outputs", outputs)
    assert ended.code == 0
    assert "The fine-tuned model is better at Instruction-Following +12.9 (95 % CI" in " ".join(ended.out.split())
    assert ended.err == ""


def test_without_a_name_it_is_the_model_benchmarked_last(outputs: Path) -> None:
    assert (
        benchtui("compare", "--outputs", outputs).out == benchtui("compare", "llama-alpaca", "--outputs", outputs).out
    )


def test_two_models_are_compared_by_their_latest_runs(outputs: Path) -> None:
    ended = benchtui("compare", "llama-alpaca", "llama-lima", "--outputs", outputs)
    assert ended.code == 0
    assert "llama-lima/2026-11-20T10-30-15 is better at Instruction-Following" in " ".join(ended.out.split())
    assert ended.out.split()[:3] == ["Benchmark", "llama-alpaca", "llama-lima"]


def test_lm_evals_own_output_folders_are_taken(real_runs: RealRuns) -> None:
    ended = benchtui("compare", real_runs.first, real_runs.second, "--format", "json")
    document = json.loads(ended.out)
    assert [document["first"]["model"], document["second"]["model"]] == ["tiny-first", "tiny-second"]
    assert {row["task"] for row in document["rows"]} >= {"school", "say", "obey", "pages"}


@pytest.mark.parametrize("option", ["--max-loss", "--same-within"])
@pytest.mark.parametrize("number", ["nan", "inf", "0", "-1"])
def test_a_margin_that_is_no_size_is_refused(outputs: Path, option: str, number: str) -> None:
    one_line_error(benchtui("compare", "llama-lima", "--outputs", outputs, option, number), 2, [option])


def test_claims_are_about_what_the_run_was_to_decide(outputs: Path) -> None:
    model = write_model(outputs, "spared", 20, 20, n=541)
    run = next((model / "benchmarks" / "fine-tuned").iterdir())
    plan = make_run(run).plan()
    write_plan(
        RunDirectory(run).plan_file,
        msgspec.structs.replace(plan, decide_early=7.0, decide_for=("sign", "loss"), decide_loss=5.0),
    )

    def margins(*options: str | Path) -> list[float]:
        row = json.loads(benchtui("compare", "--format", "json", *options).out)["rows"][0]
        return [row["no_loss_margin"], row["no_difference_margin"]]

    assert margins(model) == [5.0, 7.0]
    assert margins(model, "--max-loss", "4") == [4.0, 7.0]
    assert margins(model, "--max-loss", "4", "--same-within", "1") == [4.0, 1.0]
    assert margins(run, model / "benchmarks" / "base") == [5.0, 7.0], "either order"


@pytest.mark.parametrize("form", ["table", "markdown", "csv", "json", "html"])
def test_every_format_goes_to_stdout_or_to_a_file(outputs: Path, form: str) -> None:
    printed = benchtui("compare", "llama-lima", "--outputs", outputs, "--format", form)
    file = outputs / "out.txt"
    written = benchtui("compare", "llama-lima", "--outputs", outputs, "--format", form, "--output", file)
    assert (printed.code, written.code, written.out) == (0, 0, "")
    assert f"Written: {file}" in written.err
    assert "Instruction-Following" in file.read_text(encoding="utf-8")
    if form != "table":  # a terminal's table has the terminal's width
        assert printed.out == file.read_text(encoding="utf-8")
    if form == "csv":
        assert len(list(csv.DictReader(io.StringIO(printed.out)))) == 6


def test_what_is_not_there_is_named(outputs: Path) -> None:
    one_line_error(
        benchtui("compare", "llama-lima", "nowhere", "--outputs", outputs),
        1,
        ["There is no run 'nowhere'", "benchtui runs"],
    )
    one_line_error(benchtui("compare", "llama-lina", "--outputs", outputs), 1, ["llama-lina", "llama-lima"])


def test_a_folder_that_cannot_be_written_is_named(outputs: Path) -> None:
    (outputs / "file").write_text("")
    ended = benchtui(
        "compare", "llama-lima", "--outputs", outputs, "--format", "csv", "--output", outputs / "file" / "x.csv"
    )
    one_line_error(ended, 1, ["x.csv cannot be written", "--output"])


def test_the_command_itself_in_a_narrow_pipe(outputs: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchtui", "compare", "llama-lima", "--outputs", str(outputs)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={"COLUMNS": "80", "PYTHONIOENCODING": "utf-8", "PATH": ""},
        check=True,
    )
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "▲ ≥ good" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_pipe_and_a_file_have_every_column(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    piped = benchtui("compare", "llama-lima", "--outputs", outputs).out
    benchtui("compare", "llama-lima", "--outputs", outputs, "--output", outputs / "out.txt")
    for text in (piped, (outputs / "out.txt").read_text(encoding="utf-8")):
        head = text.splitlines()[0]
        assert " ".join(head.split()) == "Benchmark Base Fine-tuned Change 95 % CI p n Verdict"
        assert "<0.001    541" in text
