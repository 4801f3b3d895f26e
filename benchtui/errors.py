"""What can go wrong, in words a user can act on, and the exit codes that scripts rely on."""

from __future__ import annotations

import enum

MADE_BY_NEWER = "made by a newer benchtui"
"""What is said of a file that may mean something else than this version knows."""


class ExitCode(enum.IntEnum):
    """The process's exit status; a contract with scripts and CI."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTIAL = 3
    GATE_NOT_MET = 4
    INTERRUPTED = 130


class BenchtuiError(Exception):
    """Something a user can cause or fix: shown as one line, never as a traceback.

    `what` says what happened and to which file, model or task; `next_step` says what to type or do next.
    """

    exit_code = ExitCode.FAILED

    def __init__(self, what: str, next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.what} {self.next_step}".strip()


class UsageError(BenchtuiError):
    """A flag, a name or a setting that makes no sense."""

    exit_code = ExitCode.USAGE
