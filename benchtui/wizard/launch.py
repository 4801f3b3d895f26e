"""Start a run in a process of its own: whoever started it can leave, or crash, without harming it."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchtui.errors import BenchtuiError
from benchtui.interpreter import this_python
from benchtui.plans.choice import Choice
from benchtui.plans.command import resume_arguments, run_arguments
from benchtui.plans.token_choice import TokensChoice
from benchtui.runs.directory import RunDirectory
from benchtui.text import printable

PATIENCE = 150.0
"""Seconds; `benchtui run --detach` itself gives up before."""


def launch(choice: Choice) -> list[RunDirectory]:
    """Start `benchtui run --detach` and wait for its launch record: the runs it evaluates, in their order.

    Raises BenchtuiError with the command's own words when it does not start. Call it in a thread.
    """
    return _detached(("run",), *run_arguments(choice))


def launch_tokens(choice: TokensChoice) -> list[RunDirectory]:
    """Start `benchtui tokens compare --detach` in the same way: the run that compares.

    Raises BenchtuiError with the command's own words when it does not start. Call it in a thread.
    """
    _, *command = choice.command
    return _detached(command[:2], *command[2:])


def resume(run: RunDirectory, choice: Choice) -> list[RunDirectory]:
    """Resume an unfinished run in the background: `benchtui resume`, in a session of its own.

    Of `choice` counts where the user's own tasks are, and how a run is watched and reported. What it allows does not:
    that was said of another run.
    Returns the resumed runs, in their order, once the first has started. Raises BenchtuiError with the command's own
    words when it does not start.
    """
    return _detached(("resume",), *resume_arguments(choice), "--", str(run.path))


def _detached(command: Sequence[str], *arguments: str) -> list[RunDirectory]:
    try:
        done = subprocess.run(
            this_python("-m", "benchtui", *command, "--detach", *arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise BenchtuiError("The run did not start in time.", "`benchtui runs` shows what is running.") from None
    if done.returncode:
        raise error_in(done.stderr, otherwise="The run did not start.")
    return [RunDirectory(Path(line)) for line in done.stdout.splitlines() if line.strip()]


def error_in(said: str, *, otherwise: str) -> BenchtuiError:
    """The error that a command printed on stderr, with its next step; `otherwise` where it printed nothing."""
    lines = [line.strip() for line in printable(said, 20_000).splitlines() if line.strip()]
    what = [line.split("benchtui:", 1)[1].strip() for line in lines if "benchtui:" in line]
    steps = [line.removeprefix("→").strip() for line in lines if line.startswith("→")]
    return BenchtuiError(what[-1] if what else (lines[-1] if lines else otherwise), "".join(steps[-1:]))
