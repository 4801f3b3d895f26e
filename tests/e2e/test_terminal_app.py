"""The application in a real terminal, from the first question to a sample of the comparison."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchtui.demo.workspace import TASKS, Workspace, demo_paths, open_workspace
from benchtui.runs.directory import RunDirectory, base_run, benchmarks_folder, fine_tuned_runs
from benchtui.runs.event_reader import read_events
from benchtui.runs.events import WorkerStarted
from benchtui.runs.records import read_done, run_state
from tests.e2e.terminal import Terminal

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path / "demo")


SLOW = ("--engine", "lm-eval", "--batch-size", "1")
SLOW_TASK = "slow_instructions"
"""Every prompt is answered fifty times: there is time to leave and to come back."""


@pytest.fixture
def terminal(tmp_path: Path, workspace: Workspace, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    flags = getattr(request, "param", ())
    folder = tmp_path / "tasks"
    folder.mkdir()
    shipped = demo_paths().tasks / "demo_instructions.yaml"
    (folder / "slow.yaml").write_text(f"include: {shipped}\ntask: {SLOW_TASK}\nrepeats: 50\n")
    command = [sys.executable, "-m", "benchtui", "--outputs", str(workspace.outputs)]
    command += ["--tasks", SLOW_TASK if flags else ",".join(TASKS), "--include-path", str(demo_paths().tasks)]
    command += ["--include-path", str(folder), "--device", "cpu", "--offline", *flags]
    terminal = Terminal(command, tmp_path, width=100, height=30, env={"OMP_NUM_THREADS": "1"})
    yield terminal
    terminal.close()


def test_from_the_wizard_to_a_sample(terminal: Terminal, workspace: Workspace) -> None:
    terminal.wait_for("Which trained model?")
    terminal.wait_for("islands-400k-instructions")
    terminal.press("Enter")
    terminal.wait_for("named by")
    terminal.press("Enter")
    terminal.wait_for("Which weights")
    terminal.press("Enter")
    terminal.wait_for("The tasks named below")
    terminal.press("Enter")
    terminal.wait_for("step 5 of 6")
    terminal.wait_for("Suggested: ")
    terminal.press("Enter")
    terminal.wait_for("2 tasks known to lm-eval")
    terminal.press("s")

    live = terminal.wait_for(lambda screen: "› Run ›" in screen and "Fine-tuned" in screen)
    moved = terminal.wait_for(
        lambda screen: "/192" in screen and screen != live and ("last sign of life" in screen or "active" in screen)
    )
    terminal.wait_for(lambda screen: "± " in screen and screen != moved, 120)

    terminal.wait_for(
        lambda screen: "The fine-tuned model is better at Following" in screen and "▲ excellent" in screen, 120
    )
    terminal.press("Enter")
    terminal.wait_for(lambda screen: "all 192" in screen and "The whole prompt" in screen and "✗ Base" in screen)
    terminal.press("C-q")
    assert terminal.exit_code() == 0

    benchmarks = benchmarks_folder(workspace.model)
    [tuned] = fine_tuned_runs(benchmarks)
    for run in (base_run(benchmarks), tuned):
        assert run_state(run) == "finished"
        assert list(run.lm_eval.glob("samples_demo_instructions_*.jsonl"))
    summary = json.loads((benchmarks / "benchmark.json").read_text())
    assert summary["comparison"]["demo_instructions"]["verdict"] == "excellent"


@pytest.mark.long
@pytest.mark.parametrize("terminal", [SLOW], indirect=True, ids=["slow"])
def test_leaving_does_not_stop_the_run_and_home_attaches_again(terminal: Terminal, workspace: Workspace) -> None:
    terminal.wait_for("islands-400k-instructions")
    terminal.press("Enter")
    terminal.wait_for("named by")
    for seen in ("Which weights", "The tasks named below", "Suggested: ", "1 task known to lm-eval"):
        terminal.press("Enter")
        terminal.wait_for(seen)
    terminal.press("s")
    terminal.wait_for("› Run ›")
    terminal.press("Escape")
    terminal.wait_for("Running now", 20)
    terminal.press("r")
    terminal.wait_for("› Run ›")
    terminal.press("x")
    terminal.wait_for("Stop this run?")
    terminal.press("y")
    terminal.wait_for(lambda screen: "cancelled" in screen and "Press r to resume" in screen, 60)
    terminal.press("r")
    terminal.wait_for(lambda screen: "active" in screen and "/192" in screen and "✗" not in screen, 60)
    terminal.press("x")
    terminal.wait_for("Stop this run?")
    terminal.press("y")
    terminal.wait_for(lambda screen: "cancelled" in screen and "Press r to resume" in screen, 60)
    terminal.press("Escape")
    terminal.wait_for("Not finished: r resumes", 20)
    terminal.press("h")
    terminal.wait_for(lambda screen: "› History ›" in screen and "cancelled" in screen, 20)
    terminal.press("r")  # --include-path was given to the application: nothing is asked
    terminal.wait_for(lambda screen: "› Run ›" in screen and "active" in screen and "/192" in screen, 60)
    terminal.press("x")
    terminal.wait_for("Stop this run?")
    terminal.press("y")
    terminal.wait_for(lambda screen: "cancelled" in screen and "Press r to resume" in screen, 60)
    terminal.press("C-q")
    assert terminal.exit_code() == 0
    runs = [RunDirectory(place) for place in (workspace.model / "benchmarks").rglob("*") if (place / "run").is_dir()]
    assert "cancelled" in {done.status for run in runs if (done := read_done(run)) is not None}
    started = [event for run in runs if run.events.is_file() for event in read_events(run.events)]
    assert len([event for event in started if isinstance(event, WorkerStarted)]) >= 3, "r resumed it twice"


SCRIBBLES = """
import os, sys
from pathlib import Path
from benchtui.cli.app import open_app
from benchtui.plans.choice import Choice
from screens.app import BenchtuiApp

class Scribbled(BenchtuiApp):
    def on_mount(self):
        super().on_mount()
        self.set_timer(0.5, self.scribble)

    def scribble(self):
        os.write(1, b"native words on one\\n" * 30)
        os.write(2, b"native words on two\\n" * 30)
        self.notify("It was scribbled.", timeout=60)

    def key_f9(self):
        1 / 0

import screens.app
screens.app.BenchtuiApp = Scribbled
code = open_app(Choice(outputs=Path(sys.argv[1])))
print("back on the terminal", flush=True)
os.write(2, b"and native code too\\n")
sys.exit(code)
"""


@pytest.mark.parametrize("crash", [False, True], ids=["left", "crashed"])
def test_what_native_code_prints_is_not_drawn_across_the_screen(
    tmp_path: Path, workspace: Workspace, *, crash: bool
) -> None:
    command = [sys.executable, "-c", SCRIBBLES, str(workspace.outputs)]
    terminal = Terminal(command, tmp_path, width=100, height=30)
    try:
        screen = terminal.wait_for(
            lambda screen: "It was scribbled." in screen and "islands-400k-instructions" in screen
        )
        assert "native words" not in screen
        terminal.press("F9" if crash else "C-q")
        after = terminal.wait_for("and native code too")
        assert terminal.exit_code() == int(crash)
        assert "back on the terminal" in after
        assert ("printed meanwhile: native words on two" in after) is crash
        assert ("ZeroDivisionError" in after) is crash
    finally:
        terminal.close()
