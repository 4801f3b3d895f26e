"""How runs ended, as an exit code and as what to type next."""

from __future__ import annotations

from collections.abc import Iterable

from benchtui.errors import ExitCode
from benchtui.runs.directory import RunDirectory
from benchtui.runs.records import RunState, read_done, run_state

RESUMABLE: frozenset[RunState] = frozenset({"died", "partial", "failed", "cancelled", "timed out"})


def exit_code(runs: Iterable[RunDirectory]) -> ExitCode:
    """What the command that started these runs exits with: 0 when all finished, 130 when one was stopped, else 3 when
    any left results and 1 when none did."""
    runs = list(runs)
    states = {run_state(run) for run in runs}
    if states <= {"finished"}:
        return ExitCode.DONE
    if "cancelled" in states:
        return ExitCode.INTERRUPTED
    records = [read_done(run) for run in runs]
    return ExitCode.PARTIAL if any(record and record.results for record in records) else ExitCode.FAILED


def next_step(state: RunState, name: str) -> str:
    """The command that makes sense for a run called `name`, "" where there is nothing to do."""
    if state == "running":
        return f"benchtui attach {name}"
    return f"benchtui resume {name}" if state in RESUMABLE else ""
