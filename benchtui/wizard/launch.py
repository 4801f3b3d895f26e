"""Starting a run that lives on its own: whoever started it can leave, or crash, without harming it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from benchtui.config import environment_name
from benchtui.errors import BenchtuiError
from benchtui.interpreter import this_python
from benchtui.runs.choice import BenchPlan
from benchtui.runs.directory import RunDirectory
from benchtui.settings import PER_RUN, RUN_SETTINGS
from benchtui.text import printable
from benchtui.wizard.command import run_arguments

PATIENCE = 150.0
"""Seconds; `benchtui run --detach` itself gives up before."""


def launch(choice: BenchPlan) -> list[RunDirectory]:
    """Start `benchtui run --detach` and wait for its launch record: the runs it evaluates, in their order.

    Raises BenchtuiError with the command's own words when it does not start. Call it in a thread.
    """
    return _detached("run", *run_arguments(choice))


def resume(run: RunDirectory) -> list[RunDirectory]:
    """Go on with an unfinished run, in the background: `benchtui resume`, in a session of its own.

    Returns the runs that are gone on with, in their order, once the first is taken up. Raises BenchtuiError with the
    command's own words when it does not start.
    """
    return _detached("resume", str(run.path))


def _detached(*arguments: str) -> list[RunDirectory]:
    try:
        done = subprocess.run(
            this_python("-m", "benchtui", *arguments, "--detach"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            env=_environment(),
        )
    except subprocess.TimeoutExpired:
        raise BenchtuiError("The run did not start in time.", "`benchtui runs` shows what is running.") from None
    if done.returncode:
        raise _error(done.stderr)
    return [RunDirectory(Path(line)) for line in done.stdout.splitlines() if line.strip()]


def _environment() -> dict[str, str]:
    """Ours without the settings of a run: what was chosen is in the flags, and it was chosen with these in view."""
    own = {environment_name(name) for name in (*RUN_SETTINGS, *PER_RUN)}
    return {name: value for name, value in os.environ.items() if name not in own}


def _error(said: str) -> BenchtuiError:
    """The command's error line and its next step, as it printed them."""
    lines = [line.strip() for line in printable(said, 20_000).splitlines() if line.strip()]
    what = [line.split("benchtui:", 1)[1].strip() for line in lines if "benchtui:" in line]
    steps = [line.removeprefix("→").strip() for line in lines if line.startswith("→")]
    return BenchtuiError(what[-1] if what else (lines[-1] if lines else "The run did not start."), "".join(steps[-1:]))
