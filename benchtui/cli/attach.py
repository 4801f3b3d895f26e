"""`benchtui attach`: watch a run from any terminal, as often and from as many as you like."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from benchtui.cli.parameters.options import json_option
from benchtui.cli.parameters.settings import setting_option
from benchtui.errors import ExitCode
from benchtui.text import printable

if TYPE_CHECKING:
    from benchtui.displays.display import Display
    from benchtui.runs.directory import RunDirectory

POLL = 0.05


@click.command("attach")
@click.argument("run", required=False)
@setting_option("outputs")
@json_option("Print every event, from the first, as a line of JSON.")
@click.option("--plain", is_flag=True, help="Plain lines, also on a terminal.")
def command(run: str | None, outputs: Path, as_json: bool, plain: bool) -> int:
    """Watch RUN until it ends, and exit as it does: 0 finished, 3 partial results, 1 failed, 130 stopped.

    RUN is a run's folder, its name as `benchtui runs` lists it, or a model for its newest one; without RUN, the newest
    that is running. Ctrl+C ends only the watching: the run goes on.
    """
    from benchtui.displays.display import DETACH_HINT, open_display
    from benchtui.runs.find import find_run
    from benchtui.runs.known import shown_name, started_together

    found = find_run(outputs, run, states=None if run else ("running",))
    runs = started_together(found)
    mode: Literal["auto", "plain", "json"] = "json" if as_json else "plain" if plain else "auto"
    return watch(open_display(runs, mode, hint=DETACH_HINT, from_start=as_json), runs, shown_name(found))


def watch(display: Display, runs: list[RunDirectory], name: str) -> int:
    """Show `runs` until they have ended or Ctrl+C; returns the exit code."""
    from benchtui.runs.outcome import exit_code

    try:
        display.start()
        while any_going(runs):
            display.refresh()
            time.sleep(POLL)
        display.stop()
    except KeyboardInterrupt:
        still = any_going(runs)
        display.stop()
        click.echo(_detached(name) if still else f"{name} has ended.", err=True)
        return ExitCode.DONE if still else exit_code(runs)
    _say_how_it_ended(runs)
    return exit_code(runs)


def any_going(runs: list[RunDirectory]) -> bool:
    """Whether any of them is running, or waits for its turn with a supervisor that lives."""
    from benchtui.runs.records import read_launch, run_state

    states = [run_state(run) for run in runs]
    if "running" in states:
        return True
    launches = [read_launch(run) for run in runs]
    return "waiting" in states and any(launch is not None and launch.supervisor.alive() for launch in launches)


def _detached(name: str) -> str:
    return f"Detached: the run goes on. Back: benchtui attach {name}. Stop it: benchtui cancel {name}"


def _say_how_it_ended(runs: list[RunDirectory]) -> None:
    from benchtui.runs.known import shown_name
    from benchtui.runs.outcome import step_after
    from benchtui.runs.records import read_done, run_state

    for run in runs:
        state, done, name = run_state(run), read_done(run), shown_name(run)
        if state in ("finished", "waiting"):
            continue
        words = {"died": "died without an ending", "cancelled": "stopped"}.get(state, state)
        message = f": {printable(done.message, 2000)}" if done and done.message else "."
        click.echo(f"{name} {words}{message}", err=True)
        if step := step_after(state, run, name):
            click.echo(f"  → {step}", err=True)
