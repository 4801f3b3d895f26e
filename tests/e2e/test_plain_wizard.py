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


def test_ctrl_c_starts_nothing_and_says_so(terminal: Terminal, tmp_path: Path) -> None:
    terminal.wait_for("Which trained model?")
    terminal.press("C-c")
    terminal.wait_for("Nothing was started.")
    assert terminal.exit_code() == 130
    assert not list(tmp_path.rglob("benchmarks"))
