"""The live table on a real pseudo-terminal."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchtui.displays.display import Display, is_live_terminal, open_display
from benchtui.displays.live import Frame, Note, Painter
from benchtui.runs import events as ev
from benchtui.runs.directory import RunDirectory
from tests.displays.screens import Screen, Terminal
from tests.run_stories import Story, finish, launch, make_bench, make_run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _terminal_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.close()


@pytest.fixture
def runs(tmp_path: Path) -> tuple[RunDirectory, RunDirectory]:
    runs = make_bench(tmp_path)
    for run in runs:
        launch(run, time.time())
    return runs


def keep_refreshing(display: Display, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        display.refresh()
        time.sleep(0.02)


def test_a_terminal_gets_the_live_table_and_a_file_does_not(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_live_terminal(terminal.stream)
    with (tmp_path / "log").open("w") as file:
        assert not is_live_terminal(file)
    assert not is_live_terminal(file)  # closed
    monkeypatch.setenv("TERM", "dumb")
    assert not is_live_terminal(terminal.stream)


def test_the_table_moves_in_place_and_stays_when_it_is_over(
    terminal: Terminal, runs: tuple[RunDirectory, RunDirectory]
) -> None:
    screen = Screen()
    screen.feed("$ benchtui run\r\n")
    display = open_display(runs, stderr=terminal.stream)
    display.start()
    story = Story(runs[0], time.time()).start().load().open_task("ifeval")
    for done in (100, 200, 300):
        story.progress("ifeval", done)
        keep_refreshing(display, 0.3)
        screen.feed(terminal.read(0.05))
        (row,) = [line for line in screen.shown if "ifeval" in line and "/541" in line]
        assert f"{done}/541" in row
        assert screen.shown[0] == "$ benchtui run"
        assert screen.shown[1].startswith("my-llama · suite full")
        assert len(screen.shown) == 15
        assert screen.shown[-1] == "Ctrl+C stops and keeps what was answered"
    finish(runs[0])
    finish(runs[1], "cancelled", "Stopped before it began.")
    story.end()
    display.stop()
    screen.feed(terminal.read())
    assert "✓ Base meta-llama/Llama-3.2-1B  finished" in screen.shown[3]
    assert screen.shown[-1] == "  Stopped before it began."


def test_it_draws_seldom_and_only_what_changed(terminal: Terminal, runs: tuple[RunDirectory, RunDirectory]) -> None:
    display = open_display(runs, stderr=terminal.stream)
    story = Story(runs[0], time.time()).start().load().open_task("ifeval")
    display.start()
    end, done = time.monotonic() + 1.0, 0
    while time.monotonic() < end:
        done += 1
        story.progress("ifeval", min(done, 500), after=0.001)
        display.refresh()
    busy = terminal.read(0.1).count("\x1b[?2026h")
    assert 1 <= busy <= 9
    keep_refreshing(display, 0.9)
    assert terminal.read(0.1).count("\x1b[?2026h") <= 4  # only the seconds move
    display.stop()


def test_a_note_stands_above_the_table(terminal: Terminal, runs: tuple[RunDirectory, RunDirectory]) -> None:
    screen = Screen()
    display = open_display(runs, stderr=terminal.stream, title="Watching")
    display.start()
    screen.feed(terminal.read())
    before = screen.shown
    asked = time.monotonic()
    display.note("Stopping: what was \x1b[2Janswered is kept.")
    screen.feed(terminal.read_until("is kept."))
    assert time.monotonic() - asked < 0.2
    assert screen.shown[0] == "Stopping: what was answered is kept."
    assert screen.shown[1].startswith("Watching")
    assert screen.shown[2:] == before[1:]
    display.stop()
    screen.feed(terminal.read())
    assert screen.shown[0].startswith("Stopping")
    assert screen.shown[1].startswith("Watching")


def test_resizing(terminal: Terminal, runs: tuple[RunDirectory, RunDirectory]) -> None:
    display = open_display(runs, stderr=terminal.stream)
    story = Story(runs[0], time.time()).start().load().open_task("ifeval").progress("ifeval", 100)
    display.start()
    terminal.read(0.2)
    for columns, rows in ((120, 36), (40, 10), (80, 24), (10, 3), (0, 0), (300, 5)):
        terminal.resize(columns, rows)
        story.progress("ifeval", 100 + columns)
        keep_refreshing(display, 0.3)
        screen = Screen()
        received = terminal.read(0.1)
        screen.feed(received[received.rindex("\x1b[?2026h") :].split("A", 1)[-1])
        width, height = (columns, rows) if columns else (80, 24)
        assert max(map(len, screen.shown)) < width
        assert len(screen.shown) < max(height, 5)
    display.stop()


@pytest.mark.parametrize("gone", ["hung up", "stream closed"])
def test_a_lost_terminal_is_no_error(terminal: Terminal, runs: tuple[RunDirectory, RunDirectory], gone: str) -> None:
    display = open_display(runs, stderr=terminal.stream)
    story = Story(runs[0], time.time()).start().load().open_task("ifeval")
    display.start()
    keep_refreshing(display, 0.2)
    if gone == "hung up":
        terminal.hang_up()
    else:
        terminal.stream.close()
    for done in range(100, 500, 50):
        story.progress("ifeval", done)
        keep_refreshing(display, 0.15)
        display.note("still here")
    display.stop()


def test_a_terminal_that_takes_nothing_holds_nothing_up(
    terminal: Terminal, runs: tuple[RunDirectory, RunDirectory]
) -> None:
    """Ctrl+S, a suspended ssh: nobody reads, the terminal's buffer fills, and the supervisor must go on watching."""
    display = open_display(runs, stderr=terminal.stream)
    story = Story(runs[0], time.time()).start().load().open_task("ifeval")
    display.start()
    slowest = 0.0
    for done in range(100):
        story.progress("ifeval", done)
        display.note("x" * 1000)
        began = time.monotonic()
        display.refresh()
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.02)
    began = time.monotonic()
    display.stop()
    assert slowest < 0.2
    assert time.monotonic() - began < 4


def test_an_ascii_terminal(runs: tuple[RunDirectory, RunDirectory]) -> None:
    terminal = Terminal(encoding="ascii")
    Story(runs[0], time.time()).start().load({"ifeval": 10, "名前": 3}).open_task("ifeval").progress("ifeval", 100)
    display = open_display(runs, stderr=terminal.stream)
    display.start()
    display.note("naïve – ok")
    display.stop()
    received = terminal.read()
    assert "#" in received
    assert "na?ve ? ok" in received
    terminal.close()


def test_no_color_means_no_colour(
    terminal: Terminal, runs: tuple[RunDirectory, RunDirectory], monkeypatch: pytest.MonkeyPatch
) -> None:
    Story(runs[0], time.time()).start().load().whole_task("ifeval", 0.4)

    def received() -> str:
        display = open_display(runs, stderr=terminal.stream)
        display.start()
        display.stop()
        return terminal.read()

    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in received()
    monkeypatch.delenv("NO_COLOR")
    assert "\x1b[32m" in received()


def test_a_narrower_terminal_has_wrapped_what_stood_there() -> None:
    painter = Painter("utf-8")
    painter.encode([Frame(("a" * 70, "b" * 20), (70, 20), 80)])
    assert b"\x1b[4A" in painter.encode([Frame(("c",), (1,), 30)])  # three rows and one
    assert b"\x1b[1A" in painter.encode([Note("hello", 30)])


def test_frames_that_came_too_fast_are_skipped() -> None:
    painter = Painter("utf-8")
    sent = painter.encode([Frame(("one",), (3,), 80), Note("said", 80), Frame(("two",), (3,), 80)]).decode()
    assert "one" not in sent
    assert sent.index("said") < sent.index("two")


def test_in_the_background_it_leaves_the_terminal_to_the_shell(tmp_path: Path) -> None:
    """A program that the shell put into the background (Ctrl+Z, bg) draws nothing until it is in front again."""
    base, _ = make_bench(tmp_path)
    launch(base, time.time())
    Story(base, time.time()).start().load()
    script = f"""
import os, pathlib, signal, sys, time
from benchtui.displays.display import open_display
from benchtui.runs.directory import RunDirectory
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
display = open_display([RunDirectory(pathlib.Path({str(base.path)!r}))])
display.start(); time.sleep(0.3)
print("BACK", file=sys.stderr, flush=True)
child = os.fork()
if child == 0:
    os.setpgid(0, 0); os.tcsetpgrp(2, os.getpid()); time.sleep(1.5); os._exit(0)
time.sleep(0.3)
for _ in range(20): display.refresh(); time.sleep(0.05)
print("FRONT", file=sys.stderr, flush=True)
os.waitpid(child, 0); os.tcsetpgrp(2, os.getpgrp())
for _ in range(10): display.refresh(); time.sleep(0.05)
print("END", file=sys.stderr, flush=True)
"""
    import pty

    pid, master = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-c", script], {**os.environ, "PYTHONPATH": str(ROOT)})  # noqa: S606
    received = b""
    try:
        while chunk := os.read(master, 65536):
            received += chunk
    except OSError:
        pass
    os.waitpid(pid, 0)
    before, _, rest = received.decode().partition("BACK")
    back, _, front = rest.partition("FRONT")
    assert "my-llama" in before
    assert "my-llama" not in back
    assert "my-llama" in front, received.decode()


def test_a_display_without_a_real_stream(runs: tuple[RunDirectory, RunDirectory]) -> None:
    """As in a notebook: something to write to that is no file."""
    import io

    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    display = open_display(runs, "live", stderr=stream)
    display.start()
    display.stop()
    stream.seek(0)
    assert "my-llama" in stream.read()


def test_the_run_command_starts_without_loading_the_live_table() -> None:
    code = "import sys, benchtui.cli.run, benchtui.displays; print([m for m in sys.modules if m.startswith('rich')])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_events_are_taken_in_a_mebibyte_at_a_time(terminal: Terminal, runs: tuple[RunDirectory, RunDirectory]) -> None:
    display = open_display(runs, stderr=terminal.stream)
    display.start()
    line = ev.encode(ev.Log(t=1.0, level="info", message="x" * 2000))
    with runs[0].events.open("wb") as file:
        for _ in range(4000):
            file.write(line)
    began = time.monotonic()
    display.refresh()
    assert time.monotonic() - began < 0.3
    display.stop()


def test_models_that_come_and_go(terminal: Terminal, tmp_path: Path) -> None:
    first, second = (make_run(tmp_path / name, model=name) for name in ("alpha", "beta"))
    screen = Screen()
    display = open_display((), stderr=terminal.stream)
    display.start()
    display.note("alpha: Chat template: applied.")
    for run in (first, second):
        launch(run, time.time())
        display.add((run,), run.plan().model_name)
        Story(run, time.time()).start().load().open_task("ifeval").progress("ifeval", 100)
    keep_refreshing(display, 0.4)
    screen.feed(terminal.read())
    assert screen.shown[0] == "alpha: Chat template: applied."
    assert screen.shown[1].startswith("2 models")
    assert len([line for line in screen.shown if "100/541" in line]) == 2
    display.remove((first,))
    display.note("alpha: evaluated.")
    keep_refreshing(display, 0.4)
    screen.feed(terminal.read())
    assert screen.shown[1] == "alpha: evaluated."
    assert screen.shown[2].startswith("beta")
    assert len([line for line in screen.shown if "100/541" in line]) == 1
    display.remove((second,))
    display.note("beta: evaluated.")
    display.stop()
    screen.feed(terminal.read())
    assert screen.shown == ["alpha: Chat template: applied.", "alpha: evaluated.", "beta: evaluated."]
