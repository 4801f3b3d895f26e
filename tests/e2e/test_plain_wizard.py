"""`benchtui --plain`: the same questions line by line, in a real terminal."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchtui.demo.workspace import demo_paths, open_workspace
from benchtui.runs.directory import base_run, benchmarks_folder, fine_tuned_runs
from benchtui.runs.records import run_state
from tests.e2e.terminal import Terminal

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    workspace = open_workspace(tmp_path / "demo")
    command = [sys.executable, "-m", "benchtui", "--plain", "--outputs", str(workspace.outputs)]
    command += ["--tasks", "demo_knowledge", "--include-path", str(demo_paths().tasks), "--limit", "20"]
    command += ["--device", "cpu", "--offline"]
    terminal = Terminal(command, tmp_path, width=100, height=30, env={"OMP_NUM_THREADS": "1"})
    yield terminal
    terminal.close()


def test_from_the_first_question_to_the_table(terminal: Terminal, tmp_path: Path) -> None:
    for asked in (
        "Which trained model?",
        "Compare it with the model it was trained from?",
        "Base model: a hub id or a folder",
        "Which weights, and which backend?",
        "Batch size",
        "End a run that shows no sign of life",
        "Start?",
    ):
        terminal.wait_for(asked)
        terminal.press("Enter")
    terminal.wait_for("Measured by:", 120)
    assert terminal.exit_code() == 0
    benchmarks = benchmarks_folder(tmp_path / "demo" / "outputs" / "islands-400k-instructions")
    [tuned] = fine_tuned_runs(benchmarks)
    assert {run_state(run) for run in (base_run(benchmarks), tuned)} == {"finished"}


def test_a_large_model_beside_the_chosen_one(terminal: Terminal, tmp_path: Path) -> None:
    for asked in ("Which trained model?", "Compare it with", "Base model:"):
        terminal.wait_for(asked)
        terminal.press("Enter")
    terminal.wait_for("small + large")
    terminal.press("Down", "Down", "Enter")
    terminal.wait_for("Large model: name, path or hub id")
    terminal.press("nowhere", "Enter")
    terminal.wait_for("Strategy")
    terminal.press("Enter")
    terminal.wait_for("From which threshold?")
    terminal.press("Enter")
    terminal.wait_for("There is no model 'nowhere'")
    terminal.press("C-u")
    terminal.press(str(tmp_path / "demo" / "models" / "islands-400k"), "Enter")
    terminal.wait_for("The large one answers", 20)
    terminal.press("Enter")
    terminal.wait_for("From which threshold?")
    terminal.press("Enter")
    terminal.wait_for("Memory: about")
    terminal.wait_for("End a run that shows no sign of life")
    terminal.press("Enter")
    terminal.wait_for("Start?")
    terminal.press("Enter")
    terminal.wait_for("by the large model", 120)
    assert terminal.exit_code() == 0
    [run] = fine_tuned_runs(benchmarks_folder(tmp_path / "demo" / "outputs" / "islands-400k-instructions+islands-400k"))
    assert run_state(run) == "finished"


def test_ctrl_c_starts_nothing_and_says_so(terminal: Terminal, tmp_path: Path) -> None:
    terminal.wait_for("Which trained model?")
    terminal.press("C-c")
    terminal.wait_for("Nothing was started.")
    assert terminal.exit_code() == 130
    assert not list(tmp_path.rglob("benchmarks"))


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Terminal]:
    """The plain questions in a folder without models."""
    (tmp_path / "here").mkdir()
    command = [sys.executable, "-m", "benchtui", "app", "--plain"]
    terminal = Terminal(command, tmp_path / "here", width=100, height=30)
    terminal.wait_for("No trained model here. What would you like to do?")
    terminal.wait_for("Name a model")
    yield terminal
    terminal.close()


def test_the_demo_is_offered_where_there_is_no_model(empty: Terminal, tmp_path: Path) -> None:
    empty.press("Enter")
    empty.wait_for("Which weights, and which backend?")  # it names its model, base and tasks
    empty.press("C-c")
    empty.wait_for("Nothing was started.")
    assert (tmp_path / "here" / "benchtui-demo" / "outputs").is_dir()


def test_a_model_that_is_not_there_is_named_in_one_line(empty: Terminal) -> None:
    empty.press("Down", "Down", "Enter")
    empty.wait_for("Hub id, or path of the model's folder")
    empty.press(*"nowhere", "Enter")
    empty.wait_for("benchtui: ")
    assert empty.exit_code() in (1, 2)
    assert "Traceback" not in empty.screen()


def test_another_folder_is_looked_at(empty: Terminal, tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path / "demo")
    empty.press("Down", "Enter")
    empty.wait_for("Folder with the trained models")
    empty.press(*str(workspace.outputs), "Enter")
    empty.wait_for("Which trained model?")
    empty.wait_for("islands-400k-instructions")
