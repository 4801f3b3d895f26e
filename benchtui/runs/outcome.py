"""How runs ended, as an exit code and as what to type next."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from benchtui.errors import ExitCode
from benchtui.runs.directory import RunDirectory
from benchtui.runs.records import DoneRecord, RunState, read_done

RESUMABLE: frozenset[RunState] = frozenset({"died", "partial", "failed", "cancelled", "timed out"})


def exit_code(runs: Iterable[RunDirectory]) -> ExitCode:
    """What the command that started these runs exits with."""
    return exit_code_of(read_done(run) for run in runs)


def exit_code_of(records: Iterable[DoneRecord | None]) -> ExitCode:
    """0 when all finished, 130 when one was stopped, else 3 when any left results and 1 when none did; None for a run
    that has no ending."""
    ended = list(records)
    statuses = {record.status if record else None for record in ended}
    if statuses <= {"finished"}:
        return ExitCode.DONE
    if "cancelled" in statuses:
        return ExitCode.INTERRUPTED
    return ExitCode.PARTIAL if any(record and record.results for record in ended) else ExitCode.FAILED


def next_step(state: RunState, name: str) -> str:
    """The command that makes sense for a run called `name`, as a shell takes it; "" where there is nothing to do."""
    argument = f"{'-- ' if name.startswith('-') else ''}{shlex.quote(name)}"
    if state == "running":
        return f"benchtui attach {argument}"
    return f"benchtui resume {argument}" if state in RESUMABLE else ""
