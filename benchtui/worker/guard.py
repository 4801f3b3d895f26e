"""The worker as a well-behaved process: it dies with its supervisor, stops when asked, and shows where it hangs."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import IO

SUPERVISOR_PID = "BENCHTUI_SUPERVISOR_PID"
STACK_SIGNAL = signal.SIGUSR1
_PR_SET_PDEATHSIG = 1


class StopRequested(BaseException):
    """SIGTERM arrived: leave as soon as the answer in hand is journaled."""


class StopFlag:
    """Set by SIGTERM; `check()` is called between steps of work, where stopping loses nothing."""

    def __init__(self) -> None:
        self.requested = False
        self.interruptible = True

    def install(self) -> None:
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the supervisor's to interpret
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a run outlives its terminal

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - signal's signature
        self.requested = True
        if self.interruptible:  # imports and loading: nothing is in hand yet
            raise StopRequested

    def check(self) -> None:
        if self.requested:
            raise StopRequested


def die_with_supervisor() -> None:
    """End this process group when the supervisor is gone, however it went.

    Linux tells us by a signal; everywhere our end of the supervisor's pipe (stdin) closes. Both, because the first
    works even while the interpreter is stuck and the second also reaches what we started ourselves.
    """
    expected = int(os.environ.get(SUPERVISOR_PID, "0"))
    if not expected:
        return  # started by hand: nobody to follow
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != expected:  # it died before the line above
        os._exit(1)
    threading.Thread(target=_end_when_pipe_closes, daemon=True, name="supervisor-pipe").start()


def _end_when_pipe_closes() -> None:
    while os.read(0, 4096):
        pass
    os.killpg(os.getpgid(0), signal.SIGKILL)


def dump_stacks_on_signal(path: Path) -> IO[str]:
    """On STACK_SIGNAL append every thread's Python stack to `path`; works while the interpreter is stuck in C code."""
    file = path.open("a")
    faulthandler.register(STACK_SIGNAL, file=file, all_threads=True)
    return file
