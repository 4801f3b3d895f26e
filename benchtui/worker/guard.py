"""Signals and the end of the worker's process: it dies with its supervisor, stops when asked, shows where it hangs."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import IO

from benchtui.files import open_run_file
from benchtui.runs.worker_contract import MARK, STACK_SIGNAL, SUPERVISOR_PID, marked_processes

_PR_SET_PDEATHSIG = 1
_HIGHEST_DESCRIPTOR = 1024


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
    """Make sure that this process and all it starts end when the supervisor is gone, however it ended.

    Call before any thread is started. On Linux the kernel kills us at once; everywhere a small process beside us waits
    for the supervisor's pipe (our stdin) to close and then kills the rest, even while our interpreter is stuck.
    """
    expected = int(os.environ.get(SUPERVISOR_PID, "0"))
    if not expected:
        return  # started by hand: nobody to follow
    if os.fork() == 0:
        try:
            _outlive_supervisor()
        finally:
            os._exit(0)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != expected:  # it died before the line above
        os._exit(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # a library that asks a question gets no answer, instead of waiting for one
    os.close(nothing)


def _outlive_supervisor() -> None:
    """In the child: ends the others when the time has come."""
    session = os.getsid(0)
    os.setsid()  # out of the way of signals to the worker's group, SIGSTOP among them
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.closerange(1, _HIGHEST_DESCRIPTOR)
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    while left := marked_processes(os.environ[MARK], session):
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def prefer_us_when_memory_ends() -> None:
    """Have the kernel end the worker, and not its supervisor or the user's other programs, when memory runs out."""
    with contextlib.suppress(OSError):  # not Linux
        Path("/proc/self/oom_score_adj").write_text("500")


def dump_stacks_on_signal(path: Path) -> IO[str]:
    """On STACK_SIGNAL append every thread's Python stack to `path`; works while the interpreter is stuck in C code."""
    file = os.fdopen(open_run_file(path, os.O_WRONLY | os.O_APPEND), "a")
    faulthandler.register(STACK_SIGNAL, file=file, all_threads=True)
    return file
