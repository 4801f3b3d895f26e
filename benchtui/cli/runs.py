"""`benchtui runs`: what is running, and how everything before it ended."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchtui.cli.parameters.options import json_option
from benchtui.cli.parameters.settings import setting_option

if TYPE_CHECKING:
    from benchtui.runs.listing import ListedRun

SHOWN = 20


@click.command("runs")
@setting_option("outputs")
@click.option("--all", "every", is_flag=True, help=f"All of them, not just the newest {SHOWN}.")
@json_option("Print a JSON list of all runs instead of a table.")
def command(outputs: Path, every: bool, as_json: bool) -> None:
    """List the runs in outputs/, the newest first, with what to type next.

    A run's name is what every other command takes for RUN. A folder that cannot be read is listed with what is wrong.
    """
    from benchtui.runs.listing import list_runs

    runs = list_runs(outputs)
    if as_json:
        import msgspec

        from benchtui.text import escaped_json

        click.echo(escaped_json(msgspec.json.format(msgspec.json.encode(runs), indent=2).decode()))
        return
    if not runs:
        click.echo(f"There are no runs in {outputs} yet. `benchtui run` starts one.", err=True)
        return
    from benchtui.reports.run_list import print_run_table, run_lines

    shown = runs if every else _worth_showing(runs)
    if sys.stdout.isatty():
        print_run_table(shown)
    else:
        for line in run_lines(shown):
            click.echo(line)
    if hidden := len(runs) - len(shown):
        click.echo(f"{hidden} earlier {'runs' if hidden > 1 else 'run'} not shown: benchtui runs --all", err=True)


def _worth_showing(runs: Sequence[ListedRun]) -> list[ListedRun]:
    """The newest, and whatever is running however old it is."""
    return [run for place, run in enumerate(runs) if place < SHOWN or run.state == "running"]
