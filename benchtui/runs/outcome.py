"""How runs ended, as an exit code and as what to type next."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from benchtui.errors import BenchtuiError, ExitCode
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.registry import read_kind
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


def next_step(state: RunState, name: str, flags: Sequence[str] = ()) -> str:
    """The command that makes sense for a run called `name`, as a shell takes it; "" where there is nothing to do.
    `flags` are what a resume has to be given again."""
    if state == "running":
        return f"benchtui attach {as_argument(name)}"
    return resume_command(name, *flags) if state in RESUMABLE else ""


def step_after(state: RunState, run: RunDirectory, name: str) -> str:
    """`next_step` with what the plan of `run` needs."""
    if state not in RESUMABLE:
        return next_step(state, name)
    try:
        kind, plan = read_kind(run)
        return next_step(state, name, kind.resume_flags(run, plan))
    except BenchtuiError:
        return next_step(state, name)  # resume says what is wrong with the plan


def resume_command(name: str, *flags: str) -> str:
    """`benchtui resume` for the run called `name`, as a shell takes it."""
    return " ".join(("benchtui resume", *flags, as_argument(name)))


def as_argument(name: str) -> str:
    """A run's name as one argument of a command."""
    return f"{'-- ' if name.startswith('-') else ''}{shlex.quote(name)}"
