"""Ctrl+C once is a request, twice within two seconds an order; signals at any moment."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from benchtui.supervise import control as module
from benchtui.supervise.control import Control


def test_a_second_press_in_time_kills_and_a_late_one_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    control = Control(said.append)
    control.request_stop()
    assert control.stop_requested
    assert not control.kill_requested
    monkeypatch.setattr(module, "SECOND_PRESS_WITHIN", 0.05)
    time.sleep(0.1)
    control.request_stop()
    assert not control.kill_requested
    control.request_stop()
    assert control.kill_requested
    assert [text.split()[0] for text in said] == ["Stopping:", "Stopping:", "Killing"]


def test_a_request_wakes_whoever_waits() -> None:
    control = Control()
    threading.Timer(0.1, control.request_stop).start()
    began = time.monotonic()
    control.wait(30)
    assert time.monotonic() - began < 5
    began = time.monotonic()
    control.wait(0.05)
    assert time.monotonic() - began >= 0.04, "one request wakes once"


def test_words_that_cannot_be_said_do_not_keep_the_request_from_being_heard() -> None:
    def gone(text: str) -> None:
        raise OSError(5, "Input/output error")

    control = Control(gone)
    control.request_stop()
    assert control.stop_requested
    assert control.terminal_lost


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_before_anything_is_supervised_signals_interrupt_as_anywhere(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Control() as control:
        with pytest.raises(KeyboardInterrupt):
            _send_to_us(number)
        assert not control.stop_requested
        with control.graceful():
            os.kill(os.getpid(), number)
            control.wait(1)
            assert control.stop_requested
    assert signal.getsignal(number) == before


def _send_to_us(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    time.sleep(1)


def test_a_storm_of_signals_never_locks_it_up() -> None:
    """The handler runs in the thread that waits, at whatever instruction it is."""
    script = textwrap.dedent(
        """
        import os, signal, sys, threading, time
        from benchtui.supervise.control import Control
        control = Control(lambda text: None)
        def storm():
            for _ in range(3000):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.0002)
        with control, control.graceful():
            thread = threading.Thread(target=storm)
            thread.start()
            while thread.is_alive():
                control.wait(0.0005)
        print("through", control.stop_requested, control.kill_requested)
        """
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["through", "True", "True"]


def test_a_terminal_that_closes_leaves_the_process_able_to_write(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import pathlib, sys, time
        from benchtui.supervise.control import Control
        with Control() as control:
            print("ready", flush=True)
            while not control.terminal_lost:
                control.wait(0.05)
            for _ in range(10):
                print("nobody reads this", flush=True)
                print("nor this", file=sys.stderr, flush=True)
        pathlib.Path(sys.argv[1]).write_text("went on")
        """
    )
    master, slave = pty.openpty()
    proof = tmp_path / "proof"
    process = subprocess.Popen(
        [sys.executable, "-c", script, proof],
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True, preexec_fn=take_terminal,
    )  # fmt: skip
    os.close(slave)
    assert b"ready" in os.read(master, 100)
    os.close(master)
    assert process.wait(30) == 0
    assert proof.read_text() == "went on"


def take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_a_hangup_signal_alone_does_not_silence_a_terminal_that_lives() -> None:
    with Control() as control:
        os.kill(os.getpid(), signal.SIGHUP)
        control.wait(0.1)
        assert control.terminal_lost
        assert not control.stop_requested
        assert os.fstat(1)
