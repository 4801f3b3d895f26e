"""Two workers on a real terminal: a row for each while they answer, one result at the end, and `runs` and `attach`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchtui.demo.workspace import MODEL_NAME, TASKS, Workspace, demo_paths, open_workspace
from benchtui.runs.directory import benchmarks_folder, fine_tuned_runs
from benchtui.runs.event_reader import read_events
from benchtui.runs.events import Workers
from benchtui.runs.kinds.benchmark.events import Scores
from benchtui.runs.listing import list_runs
from tests.e2e.terminal import Terminal

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]
FLAGS = ("--include-path", str(demo_paths().tasks), "--device", "cpu", "--offline", "--no-base", "--no-resume")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path / "demo")


@pytest.fixture
def terminal(tmp_path: Path, workspace: Workspace) -> Iterator[Terminal]:
    command = [sys.executable, "-m", "benchtui", "run", "--outputs", str(workspace.outputs), "--workers", "2"]
    terminal = Terminal([*command, "--tasks", ",".join(TASKS), *FLAGS], tmp_path, width=90, height=40)
    yield terminal
    terminal.close()


def test_two_workers_in_the_live_table_and_in_the_list_of_runs(terminal: Terminal, workspace: Workspace) -> None:
    terminal.wait_for(lambda screen: "Worker 1 of 2" in screen and "Worker 2 of 2" in screen, 120)
    end = terminal.wait_for("Speed: ", 180)
    assert terminal.exit_code() == 0
    assert "answered before" not in end
    (run,) = fine_tuned_runs(benchmarks_folder(workspace.model))
    events = list(read_events(run.events))
    last = [event for event in events if isinstance(event, Workers)][-1]
    assert last.counts == {"done": 2}
    assert sum(worker.documents for worker in last.workers) == 392
    final = {event.task: event.scores for event in events if isinstance(event, Scores) and event.final}
    live = {event.task: event.scores for event in events if isinstance(event, Scores) and not event.final}
    for task, scores in final.items():
        for found, expected in zip(live[task], scores, strict=True):
            assert (found.metric, found.n) == (expected.metric, expected.n)
            assert (found.value, found.stderr) == pytest.approx((expected.value, expected.stderr), rel=1e-9)
    assert [listed.workers for listed in list_runs(workspace.outputs)] == [2]
    attach = [sys.executable, "-m", "benchtui", "attach", MODEL_NAME, "--outputs", str(workspace.outputs)]
    told = subprocess.run([*attach, "--json"], capture_output=True, text=True, check=False, timeout=60)
    assert told.returncode == 0, told.stderr
    assert '"event":"workers"' in told.stdout
