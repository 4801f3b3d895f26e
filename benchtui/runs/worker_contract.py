"""What a supervisor and its workers agree on: variables of the environment, signals and exit codes."""

from __future__ import annotations

import contextlib
import os
import signal

import psutil

SUPERVISOR_PID = "BENCHTUI_SUPERVISOR_PID"
MARK = "BENCHTUI_WORKER_MARK"
"""In the environment of a worker and all that it starts, by which even those are found that left its session."""
STACK_SIGNAL = signal.SIGUSR1

STOPPED = 143
"""Exit status of a worker that was told to stop."""
NO_ROOM = 74
"""Exit status of a worker that could not write: its last words may not have been written either."""


def marked_processes(mark: str, session: int) -> list[int]:
    """Ids of living processes in `session` or with `mark` in their environment, except the one that asks."""
    found = []
    for process in psutil.process_iter(["pid", "status"]):
        if process.pid == os.getpid() or process.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error, OSError):
            if os.getsid(process.pid) == session or process.environ().get(MARK) == mark:
                found.append(process.pid)
    return found
