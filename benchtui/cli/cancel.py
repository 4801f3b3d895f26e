"""`benchtui cancel`: stop a run from another terminal, as Ctrl+C would in its own."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchtui.cli.parameters.settings import setting_option
from benchtui.errors import BenchtuiError, ExitCode
from benchtui.text import printable

if TYPE_CHECKING:
    from benchtui.runs.directory import RunDirectory

PATIENCE = 60.0
POLL = 0.1


@click.command("cancel")
@click.argument("run")
@setting_option("outputs")
def command(run: str, outputs: Path) -> int:
    """Stop RUN, and whatever the same command would evaluate after it; what was answered is kept and scored.

    RUN is a run's folder, its name as `benchtui runs` lists it, or a model for its newest running one.
    """
    from benchtui.runs.cancel import ask_to_stop
    from benchtui.runs.find import find_run
    from benchtui.runs.known import shown_name

    chosen = find_run(outputs, run, states=("running",))
    found = _running(chosen)
    name = shown_name(found)
    ask_to_stop(found, "benchtui cancel")
    click.echo(f"Stopping {name}: what was answered is kept and scored.", err=True)
    if not _wait_for_end(found):
        click.echo(
            f"{name} has not ended within {PATIENCE:.0f} s: it may still be scoring. `benchtui runs` says when it has.",
            err=True,
        )
        return ExitCode.FAILED
    return _say_what_happened(found, name)


def _running(chosen: RunDirectory) -> RunDirectory:
    """The run whose worker is to be stopped: `chosen`, or the one it waits behind. Raises BenchtuiError when nothing
    of it is running."""
    from benchtui.runs.known import shown_name, started_together
    from benchtui.runs.outcome import step_after
    from benchtui.runs.records import run_state

    state = run_state(chosen)
    if state == "running":
        return chosen
    if state == "waiting":
        for run in started_together(chosen):
            if run_state(run) == "running":
                return run
    words = {"waiting": "has not been started", "cancelled": "was stopped already", "partial": "finished in part"}
    what = words.get(state, state)
    name = shown_name(chosen)
    step = step_after(state, chosen, name)
    raise BenchtuiError(
        f"{name} is not running: it {what}.",
        f"`{step}` resumes it." if step else "There is nothing to stop.",
    )


def _wait_for_end(run: RunDirectory) -> bool:
    from benchtui.runs.records import run_state

    deadline = time.monotonic() + PATIENCE
    while run_state(run) == "running":
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True


def _say_what_happened(run: RunDirectory, name: str) -> int:
    from benchtui.runs.follow.view import Counts
    from benchtui.runs.outcome import step_after
    from benchtui.runs.records import read_done, run_state

    state, done = run_state(run), read_done(run)
    known = Counts(done.documents, done.documents_total) if done else Counts()
    kept = f" {known.words} and kept." if known.words else ""
    if state == "cancelled":
        click.echo(f"Stopped {name}.{kept}", err=True)
    elif state == "finished":
        click.echo(f"{name} finished before it could be stopped.", err=True)
    else:
        said = f": {printable(done.message, 2000)}" if done and done.message else ""
        click.echo(f"{name} ended as {state}{said}.{kept}", err=True)
    if step := step_after(state, run, name):
        click.echo(f"  → {step}", err=True)
    return ExitCode.DONE
