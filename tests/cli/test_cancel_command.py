"""`benchtui cancel`: what it leaves for the supervisor, and what it says."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchtui.cli.cancel import command
from benchtui.errors import BenchtuiError
from benchtui.runs.directory import RunDirectory
from benchtui.runs.records import Status
from tests.run_stories import dead_process, finish, launch, make_bench, make_run


@pytest.fixture
def runs(tmp_path: Path) -> tuple[RunDirectory, RunDirectory]:
    runs = make_bench(tmp_path)
    launch(runs[0])
    return runs


def supervise(run: RunDirectory, status: Status) -> threading.Thread:
    """What a supervisor does about a cancel file: ends its worker, writes how it ended."""

    def obey() -> None:
        deadline = time.monotonic() + 10
        while not run.cancel.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        finish(run, status, "Stopped by the user.")
        run.cancel.unlink()

    thread = threading.Thread(target=obey)
    thread.start()
    return thread


@pytest.mark.parametrize("selector", ["my-llama", "my-llama/base", "my-llama/2026-11-20T10-30-15"])
def test_a_running_run_is_asked_to_stop(tmp_path: Path, runs: tuple[RunDirectory, RunDirectory], selector: str) -> None:
    """By any name: of the run that waits behind it, too."""
    obeying = supervise(runs[0], "cancelled")
    ran = CliRunner().invoke(command, [selector, "--outputs", str(tmp_path)], standalone_mode=False)
    obeying.join()
    assert ran.return_value == 0
    assert ran.stderr.splitlines() == [
        "Stopping my-llama/base: what was answered is kept and scored.",
        "Stopped my-llama/base. 50 of 100 answered and kept.",
        "  → benchtui resume my-llama/base",
    ]


def test_one_that_finishes_first(tmp_path: Path, runs: tuple[RunDirectory, RunDirectory]) -> None:
    obeying = supervise(runs[0], "finished")
    ran = CliRunner().invoke(command, ["my-llama", "--outputs", str(tmp_path)], standalone_mode=False)
    obeying.join()
    assert ran.stderr.splitlines()[-1] == "my-llama/base finished before it could be stopped."


def test_one_that_does_not_answer(
    tmp_path: Path, runs: tuple[RunDirectory, RunDirectory], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchtui.cli.cancel.PATIENCE", 0.3)
    ran = CliRunner().invoke(command, ["my-llama", "--outputs", str(tmp_path)], standalone_mode=False)
    assert ran.return_value == 1
    assert "has not ended" in ran.stderr
    assert runs[0].cancel.exists()


@pytest.mark.parametrize(
    ("status", "words", "step"),
    [
        ("finished", "my-llama/base is not running: it finished.", "There is nothing to stop."),
        ("partial", "it finished in part.", "`benchtui resume my-llama/base` resumes it."),
        ("timed out", "it timed out.", "`benchtui resume my-llama/base` resumes it."),
        ("cancelled", "it was stopped already.", "`benchtui resume my-llama/base` resumes it."),
        (None, "it died.", "`benchtui resume my-llama/base` resumes it."),
    ],
)
def test_what_is_not_running_is_refused(
    tmp_path: Path, runs: tuple[RunDirectory, RunDirectory], status: Status | None, words: str, step: str
) -> None:
    if status is None:
        launch(runs[0], supervisor=dead_process())
    else:
        finish(runs[0], status)
    ran = CliRunner().invoke(command, ["my-llama/base", "--outputs", str(tmp_path)], standalone_mode=False)
    assert isinstance(ran.exception, BenchtuiError)
    assert ran.exception.what.endswith(words)
    assert ran.exception.next_step == step
    assert not runs[0].cancel.exists()


def test_one_that_never_started(tmp_path: Path, runs: tuple[RunDirectory, RunDirectory]) -> None:
    runs[0].launch.unlink()
    ran = CliRunner().invoke(command, ["my-llama/base", "--outputs", str(tmp_path)], standalone_mode=False)
    assert isinstance(ran.exception, BenchtuiError)
    assert ran.exception.what == "my-llama/base is not running: it has not been started."


def test_a_folder_that_cannot_be_written(tmp_path: Path, runs: tuple[RunDirectory, RunDirectory]) -> None:
    runs[0].cancel.mkdir()  # stands for a read-only folder, which root could write all the same
    ran = CliRunner().invoke(command, ["my-llama", "--outputs", str(tmp_path)], standalone_mode=False)
    assert isinstance(ran.exception, BenchtuiError)
    assert "cannot be written" in ran.exception.what


def test_names_of_others_are_only_text(tmp_path: Path) -> None:
    run = make_run(tmp_path / "x\x1b]0;owned\x07\x1b[2Jy" / "benchmarks" / "base", "base")
    launch(run)
    obeying = supervise(run, "cancelled")
    ran = CliRunner().invoke(command, [str(run.path), "--outputs", str(tmp_path)], standalone_mode=False)
    obeying.join()
    assert "Stopped xy/base." in ran.stderr
    again = CliRunner().invoke(command, [str(run.path), "--outputs", str(tmp_path)], standalone_mode=False)
    assert isinstance(again.exception, BenchtuiError)
    assert again.exception.what == "xy/base is not running: it was stopped already."
    for text in (ran.stderr, str(again.exception)):
        assert "\x1b" not in text
        assert "\x07" not in text
