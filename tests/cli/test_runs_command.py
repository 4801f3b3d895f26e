"""`benchtui runs` as a user sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchtui.cli.runs import command
from benchtui.runs import events as ev
from tests.displays.screens import Terminal
from tests.run_stories import Story, dead_process, finish, launch, make_bench, make_run


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    folder = tmp_path / "outputs"
    base, tuned = make_bench(folder)
    for run in (base, tuned):
        launch(run, time.time() - 125)
    finish(base)
    Story(tuned).start().load().open_task("gsm8k").progress("gsm8k", 213)
    died = make_run(folder / "qwen/benchmarks/fine-tuned/2026-11-19T08-00-00", model="qwen", suite=None, bench_id="q")
    launch(died, time.time() - 86_000, supervisor=dead_process())
    return folder


def test_without_a_terminal_one_line_a_run(outputs: Path) -> None:
    ran = CliRunner().invoke(command, ["--outputs", str(outputs)])
    assert ran.exit_code == 0
    lines = [line.split("  ") for line in ran.stdout.splitlines()]
    columns = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert columns[0] == ["Run", "Tasks", "State", "Progress", "Started", "Took", "Next"]
    assert columns[1] == [
        "my-llama/2026-11-20T10-30-15", "full", "▸ running", "gsm8k 213/1319", "2min ago", "2min",
        "benchtui attach my-llama/2026-11-20T10-30-15",
    ]  # fmt: skip
    assert columns[2][:4] == ["my-llama/base", "full", "✓ finished", "50/50"]
    assert columns[3][0] == "qwen/2026-11-19T08-00-00"
    assert columns[3][1:3] == ["ifeval, gsm8k, mmlu", "✗ died"]
    assert columns[3][-1] == "benchtui resume qwen/2026-11-19T08-00-00"


def test_json_for_scripts(outputs: Path) -> None:
    ran = CliRunner().invoke(command, ["--outputs", str(outputs), "--json"])
    runs = json.loads(ran.stdout)
    assert [run["state"] for run in runs] == ["running", "finished", "died"]
    assert (runs[0]["task"], runs[0]["documents"], runs[0]["documents_total"]) == ("gsm8k", 213, 1319)
    assert runs[1]["path"].endswith("my-llama/benchmarks/base")


def test_on_a_terminal_everything_fits_eighty_columns(outputs: Path) -> None:
    terminal = Terminal(80, 24)
    environment = {**os.environ, "TERM": "xterm-256color", "NO_COLOR": "1", "COLUMNS": "80"}
    subprocess.run(
        [sys.executable, "-m", "benchtui", "runs", "--outputs", str(outputs)],
        stdout=terminal.stream, stderr=terminal.stream, check=True, env=environment,
    )  # fmt: skip
    text = terminal.read().replace("\x1b[1m", "").replace("\x1b[0m", "")
    lines = [line.rstrip() for line in text.splitlines()]
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["Run", "Tasks", "State", "Progress", "Took"]
    assert any(line.startswith("my-llama/2026-11-20T10-30-15 full") and "▸ running" in line for line in lines)
    assert lines[-2:] == [
        "→ benchtui attach my-llama/2026-11-20T10-30-15",
        "→ benchtui resume qwen/2026-11-19T08-00-00",
    ]
    terminal.close()


def test_the_newest_twenty_and_whatever_runs(tmp_path: Path) -> None:
    for number in range(30):
        run = make_run(tmp_path / f"model-{number:02}/benchmarks/base", "base", bench_id=str(number))
        launch(run, time.time() - 100 * number, supervisor=None if number == 29 else dead_process())
        Story(run).tell(ev.Phase(name="starting"))
    ran = CliRunner().invoke(command, ["--outputs", str(tmp_path)])
    assert len(ran.stdout.splitlines()) == 1 + 20 + 1
    assert "model-29/base" in ran.stdout
    assert "9 earlier runs not shown: benchtui runs --all" in ran.stderr
    assert len(CliRunner().invoke(command, ["--outputs", str(tmp_path), "--all"]).stdout.splitlines()) == 31


def test_nothing_yet(tmp_path: Path) -> None:
    ran = CliRunner().invoke(command, ["--outputs", str(tmp_path)])
    assert (ran.exit_code, ran.stdout) == (0, "")
    assert "`benchtui run` starts one" in ran.stderr
    assert CliRunner().invoke(command, ["--outputs", str(tmp_path), "--json"]).stdout == "[]\n"


def test_no_such_folder(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "benchtui", "runs", "--outputs", str(tmp_path / "nowhere")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 2
    assert ran.stderr.splitlines()[0] == f"benchtui: There is no folder {tmp_path / 'nowhere'}."


def test_names_of_others_are_only_text(tmp_path: Path) -> None:
    run = make_run(tmp_path / "[red]x\x1b[2J/benchmarks/base", "base", suite="[b]\x1b[31m")
    launch(run)
    finish(run)
    ran = CliRunner().invoke(command, ["--outputs", str(tmp_path)])
    assert "[red]x/base" in ran.stdout
    assert "\x1b" not in ran.stdout
