"""Flags that the application is started with are in the plan on disk of the run that it really starts."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchtui.demo.workspace import Workspace, demo_paths, open_workspace
from benchtui.plans.plan import Permissions
from benchtui.runs.directory import RunDirectory, base_run, benchmarks_folder, fine_tuned_runs
from benchtui.runs.records import run_state
from benchtui.tasks.suites import TaskPlan
from screens.app import BenchtuiApp
from screens.run.run import RunPage
from screens.settings import Settings
from tests.e2e.terminal import Terminal
from tests.screens.conftest import press, settle
from tests.screens.test_settings_survive import opened_with, until

pytestmark = pytest.mark.slow

SYSTEM = 'It\'s "quoted";\n$HOME -x'


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.chdir(tmp_path)
    return open_workspace(tmp_path / "demo")


def twenty_flags(workspace: Workspace) -> list[str]:
    return [
        "--outputs", str(workspace.outputs), "--model", workspace.model.name, "--base", str(workspace.base),
        "--format", "adapter", "--tasks", "demo_knowledge", "--include-path", str(demo_paths().tasks), "--limit", "2",
        "--num-fewshot", "1", "--chat-template", "off", "--system-instruction", SYSTEM,
        "--gen-kwargs", '{"temperature": 0.5, "do_sample": true}', "--think-end-token", "</think>", "--enable-thinking",
        "--max-length", "300", "--seed", "7,8,9,10", "--batch-size", "3", "--dtype", "float32", "--device", "cpu",
        "--engine", "lm-eval", "--model-args", "add_bos_token=True", "--offline", "--allow-pickle", "--decide-early",
        "--decide-delta", "0.5", "--timeout", "9m", "--no-readme",
    ]  # fmt: skip


def check_the_plans_on_disk(workspace: Workspace) -> None:
    benchmarks = benchmarks_folder(workspace.model)
    [tuned] = fine_tuned_runs(benchmarks)
    base = base_run(benchmarks)
    assert base.plan().source.path == str(workspace.base)
    assert (tuned.plan().model_name, tuned.plan().source.format) == (workspace.model.name, "lora")
    assert tuned.plan().decide_early == 0.5
    for plan in (base.plan(), tuned.plan()):
        assert plan.tasks == (TaskPlan("demo_knowledge", 1, 2.0),)
        assert plan.include_paths == (str(demo_paths().tasks),)
        assert (plan.batch_size, plan.device, plan.backend_settings, plan.offline) == (
            3,
            "cpu",
            {"engine": "lm-eval"},
            True,
        )
        assert plan.permissions == Permissions(pickle=True)
        prompts = plan.prompts
        assert (prompts.chat_template, prompts.system_instruction) == (None, SYSTEM)
        assert prompts.gen_kwargs == {"temperature": 0.5, "do_sample": True}
        assert (prompts.think_end_token, prompts.enable_thinking) == ("</think>", True)
        assert (prompts.max_length, prompts.seeds, prompts.dtype) == (300, (7, 8, 9, 10), "float32")
        assert prompts.model_args == {"add_bos_token": True}
    command = list(tuned.plan().command)
    assert "--no-readme" in command
    assert command[command.index("--timeout") + 1] == "540s"


def wait_for_the_end(runs: list[RunDirectory]) -> None:
    """However it ends: nothing is left running behind the test."""
    end = time.monotonic() + 200
    while any(run_state(run) == "running" for run in runs) and time.monotonic() < end:
        time.sleep(0.2)


async def test_of_a_run_started_in_the_application(workspace: Workspace) -> None:
    app = BenchtuiApp(Settings(opened_with(twenty_flags(workspace)), typed=True))
    async with app.run_test(size=(140, 50)) as pilot:
        for title in ("Compare", "Backend & format", "Suite", "Batch size"):
            await until(pilot, f"New benchmark › {title}")
            await press(pilot, "enter")
        await until(pilot, "Also set:")
        await press(pilot, "s")
        await settle(pilot, 120)
        assert isinstance(app.screen, RunPage)
    check_the_plans_on_disk(workspace)
    benchmarks = benchmarks_folder(workspace.model)
    runs = [base_run(benchmarks), *fine_tuned_runs(benchmarks)]
    subprocess.run([sys.executable, "-m", "benchtui", "cancel", str(runs[-1].path)], check=True, capture_output=True)
    wait_for_the_end(runs)


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_of_a_run_started_by_the_plain_questions(workspace: Workspace, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchtui", "app", "--plain", *twenty_flags(workspace)]
    terminal = Terminal(command, tmp_path, width=100, height=40, env={"OMP_NUM_THREADS": "1"})
    try:
        for question in ("Batch size", "End a run that shows no sign of life", "Start?"):
            terminal.wait_for(question, 120)
            terminal.press("Enter")
        benchmarks = benchmarks_folder(workspace.model)
        end = time.monotonic() + 120
        while not (fine_tuned_runs(benchmarks) and fine_tuned_runs(benchmarks)[0].plan_file.is_file()):
            assert time.monotonic() < end, terminal.screen()
            time.sleep(0.2)
        check_the_plans_on_disk(workspace)
        terminal.press("C-c")
        wait_for_the_end([base_run(benchmarks), *fine_tuned_runs(benchmarks)])
    finally:
        terminal.close()
