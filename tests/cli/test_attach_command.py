"""`benchtui attach` in processes of its own, on terminals of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchtui.cli.attach import command
from benchtui.errors import ExitCode
from benchtui.runs.directory import RunDirectory
from tests.displays.screens import Screen, Terminal
from tests.run_stories import Story, dead_process, finish, launch, make_bench, make_run


@pytest.fixture
def runs(tmp_path: Path) -> tuple[RunDirectory, RunDirectory]:
    """Base finished, fine-tuned in the middle of GSM8K, with this process for a supervisor."""
    base, tuned = make_bench(tmp_path)
    for run in (base, tuned):
        launch(run, time.time() - 100)
    Story(base, time.time() - 100).start().load().whole_task("ifeval", 0.3).end()
    finish(base)
    Story(tuned, time.time() - 40).start().load().whole_task("ifeval", 0.4, seconds=10).open_task("gsm8k").progress(
        "gsm8k", 100
    )
    return base, tuned


def attach(outputs: Path, terminal: Terminal, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "benchtui", "attach", "--outputs", str(outputs), *arguments],
        stdout=subprocess.DEVNULL, stderr=terminal.stream, env={**os.environ, "TERM": "xterm", "NO_COLOR": "1"},
    )  # fmt: skip


def test_ctrl_c_ends_the_watching_and_not_the_run(tmp_path: Path, runs: tuple[RunDirectory, RunDirectory]) -> None:
    terminal, screen = Terminal(), Screen()
    watching = attach(tmp_path, terminal)
    screen.feed(terminal.read_until("the run goes on"))
    assert any("▸ gsm8k" in line and "100/1319" in line for line in screen.shown)
    assert screen.shown[-1] == "Ctrl+C leaves this view; the run goes on"
    watching.send_signal(signal.SIGINT)
    assert watching.wait(10) == 0
    screen.feed(terminal.read())
    assert screen.shown[-1].startswith("Detached: the run goes on. Back: benchtui attach my-llama/2026-11-20T10-30-15")
    assert not runs[1].cancel.exists()
    terminal.close()


def test_several_watch_the_same_run_until_it_ends(tmp_path: Path, runs: tuple[RunDirectory, RunDirectory]) -> None:
    terminals = [Terminal(), Terminal(120, 36), Terminal(60, 20)]
    watching = [attach(tmp_path, terminal, "my-llama") for terminal in terminals]
    for terminal in terminals:
        terminal.read_until("the run goes on")
    story = Story(runs[1], time.time()).progress("gsm8k", 1319).score("gsm8k", 0.5, 1319, final=True)
    finish(runs[1], "partial", "Some documents could not be answered.")
    story.end()
    assert [process.wait(10) for process in watching] == [ExitCode.PARTIAL] * 3
    for terminal in terminals:
        received = terminal.read()
        assert "1319/1319" in received
        assert "my-llama/2026-11-20T10-30-15 partial: Some documents could not be answered." in received
        assert "→ benchtui resume my-llama/2026-11-20T10-30-15" in received
        terminal.close()


def test_a_terminal_that_closes_takes_only_its_own_view_along(
    tmp_path: Path, runs: tuple[RunDirectory, RunDirectory]
) -> None:
    terminal = Terminal()
    watching = attach(tmp_path, terminal)
    terminal.read_until("the run goes on")
    terminal.hang_up()
    Story(runs[1], time.time()).end()
    finish(runs[1])
    assert watching.wait(10) == 0
    terminal.close()


@pytest.mark.parametrize(
    ("status", "code"),
    [("finished", 0), ("failed", 3), ("cancelled", 130), ("timed out", 3), (None, 3)],
)
def test_an_ended_run_shows_how_it_went_and_exits_as_it_did(
    tmp_path: Path, runs: tuple[RunDirectory, RunDirectory], status: str | None, code: int
) -> None:
    """The base has finished, so there are results: 3 rather than 1."""
    if status is None:
        launch(runs[1], supervisor=dead_process())
    else:
        finish(runs[1], status, "Why it ended.")  # type: ignore[arg-type]
    ran = CliRunner().invoke(command, ["my-llama", "--outputs", str(tmp_path)], standalone_mode=False)
    assert ran.return_value == code
    assert "fine-tuned: gsm8k 100/1319" in ran.stderr
    if status == "failed":
        assert "my-llama/2026-11-20T10-30-15 failed: Why it ended." in ran.stderr
    if status is None:
        assert "my-llama/2026-11-20T10-30-15 died without an ending." in ran.stderr


def test_json_gives_every_event_from_the_first(tmp_path: Path, runs: tuple[RunDirectory, RunDirectory]) -> None:
    finish(runs[1])
    ran = CliRunner().invoke(command, ["my-llama/base", "--outputs", str(tmp_path), "--json"], standalone_mode=False)
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    assert events[0]["event"] == "worker-started"
    assert {event["role"] for event in events} == {"base", "fine-tuned"}
    assert len(events) == sum(len(run.events.read_bytes().splitlines()) for run in runs)


def test_it_waits_for_a_run_whose_turn_has_not_come(tmp_path: Path, runs: tuple[RunDirectory, RunDirectory]) -> None:
    """Between two workers of one command nothing is running for a moment."""
    _, tuned = runs
    tuned.launch.unlink()

    def go_on() -> None:
        time.sleep(0.6)
        launch(tuned)
        finish(tuned)

    later = threading.Thread(target=go_on)
    later.start()
    ran = CliRunner().invoke(command, ["my-llama/base", "--outputs", str(tmp_path)], standalone_mode=False)
    later.join()
    assert ran.return_value == 0


def test_nothing_runs(tmp_path: Path) -> None:
    (tmp_path / "outputs").mkdir()
    ran = subprocess.run(
        [sys.executable, "-m", "benchtui", "attach"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert ran.stderr == "benchtui: No run is running.\n  → `benchtui run` starts one.\n"


def test_names_of_others_are_only_text(tmp_path: Path) -> None:
    run = make_run(tmp_path / "x\x1b]0;owned\x07\x1b[2Jy" / "benchmarks" / "base", "base")
    launch(run)
    Story(run).start().load()
    finish(run, "failed", "Why\x1b[31m it ended.")
    ran = CliRunner().invoke(command, [str(run.path), "--plain", "--outputs", str(tmp_path)], standalone_mode=False)
    assert "xy/base failed: Why it ended." in ran.stderr
    assert "benchtui resume xy/base" in ran.stderr
    assert "\x1b" not in ran.stderr
    assert "\x07" not in ran.stderr
