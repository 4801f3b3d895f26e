"""Stopping: Ctrl+C once is a request, twice is an order; a lost terminal is neither."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

SECOND_PRESS_WITHIN = 2.0


class Control:
    """What the user or the system asked a supervisor to do. `say` prints one line for the user, at once."""

    def __init__(self, say: Callable[[str], None] = lambda _: None) -> None:
        self.stop_requested = False
        self.kill_requested = False
        self.terminal_lost = False
        self._asked_at = 0.0
        self._wake = threading.Event()
        self.say = say
        self._previous: dict[signal.Signals, Any] = {}

    def wait(self, seconds: float) -> None:
        """Sleep, or return at once when something was asked."""
        if self._wake.wait(seconds):
            self._wake.clear()

    def request_stop(self) -> None:
        now = time.monotonic()
        if self.stop_requested and now - self._asked_at <= SECOND_PRESS_WITHIN:
            self.kill_requested = True
            self._tell("Killing the worker now. Everything answered is in the journal.")
        else:
            self._tell("Stopping: what was answered is kept and scored. Press Ctrl+C again to kill at once.")
        self.stop_requested = True
        self._asked_at = now
        self._wake.set()

    def __enter__(self) -> Control:
        """Take the signals over (main thread only)."""
        handlers: dict[signal.Signals, Callable[[int, FrameType | None], None]] = {
            signal.SIGINT: lambda *_: self.request_stop(),
            signal.SIGTERM: lambda *_: self.request_stop(),
            signal.SIGHUP: lambda *_: self._lose_terminal(),
        }
        for number, handler in handlers.items():
            self._previous[number] = signal.signal(number, handler)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _lose_terminal(self) -> None:
        self.terminal_lost = True

    def _tell(self, text: str) -> None:
        try:
            self.say(text)
        except OSError:
            self.terminal_lost = True


def say_on_stderr(text: str) -> None:
    sys.stderr.write(f"\n{text}\n")
    sys.stderr.flush()
