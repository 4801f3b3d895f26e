"""What the user asks of a supervisor: Ctrl+C once stops, twice kills at once; losing the terminal does neither."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SECOND_PRESS_WITHIN = 2.0


class Control:
    """What the user or the system asked a supervisor to do. `say` prints one line for the user, at once.

    While nothing is being supervised, Ctrl+C and SIGTERM raise KeyboardInterrupt as in any other program; inside
    `graceful()` they only set what was requested. Every method may be called from a signal handler and from any thread.
    """

    def __init__(self, say: Callable[[str], None] = lambda _: None) -> None:
        self.stop_requested = False
        self.kill_requested = False
        self.terminal_lost = False
        self.say = say
        self._asked_at = 0.0
        self._supervised = 0
        self._counting = threading.Lock()  # never taken by a signal handler
        self._previous: dict[signal.Signals, Any] = {}
        self._terminals: tuple[int, ...] = ()
        # A handler may run while this very thread is inside `wait`, so waking it must not need a lock.
        self._woken, self._wake = socket.socketpair()
        self._woken.setblocking(False)
        self._wake.setblocking(False)

    def wait(self, seconds: float) -> None:
        """Sleep for `seconds`; return at once when a stop is requested."""
        if select.select([self._woken], [], [], seconds)[0]:
            with contextlib.suppress(BlockingIOError):
                self._woken.recv(4096)

    def request_stop(self) -> None:
        """Ask for a graceful stop; when asked again within two seconds, to kill at once."""
        now = time.monotonic()
        if self.stop_requested and now - self._asked_at <= SECOND_PRESS_WITHIN:
            self.kill_requested = True
            self._tell("Killing at once. Everything answered is in the journal.")
        else:
            self._tell("Stopping: what was answered is kept and scored. Press Ctrl+C again to kill at once.")
        self.stop_requested = True
        self._asked_at = now
        with contextlib.suppress(OSError):  # full: it is being woken already
            self._wake.send(b"!")

    @contextmanager
    def graceful(self) -> Iterator[None]:
        """While open, in however many threads, signals ask for a stop instead of raising KeyboardInterrupt."""
        with self._counting:
            self._supervised += 1
        try:
            yield
        finally:
            with self._counting:
                self._supervised -= 1

    def __enter__(self) -> Control:
        """Handle signals from now on (main thread only)."""
        handlers: dict[signal.Signals, Callable[[int, FrameType | None], None]] = {
            signal.SIGINT: lambda *_: self._interrupted(),
            signal.SIGTERM: lambda *_: self._interrupted(),
            signal.SIGHUP: lambda *_: self._hung_up(),
        }
        self._terminals = tuple(descriptor for descriptor in (0, 1, 2) if _is_terminal(descriptor))
        for number, handler in handlers.items():
            self._previous[number] = signal.signal(number, handler)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _interrupted(self) -> None:
        if not self._supervised:
            raise KeyboardInterrupt
        self.request_stop()

    def _hung_up(self) -> None:
        """Continue without the terminal: what is written to it from now on is dropped, and raises nothing."""
        self.terminal_lost = True
        for descriptor in self._terminals:
            if not _is_terminal(descriptor):
                nowhere = os.open(os.devnull, os.O_RDWR)
                os.dup2(nowhere, descriptor)
                os.close(nowhere)

    def _tell(self, text: str) -> None:
        try:
            self.say(text)
        except OSError:
            self.terminal_lost = True


def _is_terminal(descriptor: int) -> bool:
    """False also for a terminal that hung up."""
    try:
        return os.isatty(descriptor)
    except OSError:
        return False


def say_on_stderr(text: str) -> None:
    """Write one line without Python's buffers: a signal handler may have interrupted code that was using those."""
    os.write(2, f"\n{text}\n".encode(errors="replace"))
