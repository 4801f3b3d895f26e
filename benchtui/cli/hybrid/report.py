"""What commands that show a sweep have in common: their options, and how they print or write it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from benchtui.cli.parameters.options import json_option, points_option
from benchtui.cli.terminal.written import write_out
from benchtui.errors import UsageError
from benchtui.settings.rows import SAME_WITHIN

if TYPE_CHECKING:
    from benchtui.compare.hybrid.conclusions import SweptConclusions
    from benchtui.routing.sweeps.records import Measure, Sweep

F = TypeVar("F", bound=Callable[..., Any])


def _thresholds(_context: click.Context, _option: click.Parameter, value: str) -> tuple[float | str, ...]:
    from benchtui.plans.sweep import read_thresholds

    return read_thresholds(value)


thresholds_option = click.option(
    "--thresholds",
    default="auto",
    show_default=True,
    metavar="T,T,…",
    callback=_thresholds,
    help="Numbers, or quantiles of what is measured like p70; auto: p10, p20 … p90.",
)
margin_option = points_option(
    "--margin",
    type=click.FloatRange(0, 100, min_open=True),
    default=SAME_WITHIN,
    show_default=True,
    help="The loss against the large model alone that would not matter.",
)
axis_option = click.option(
    "--axis",
    type=click.Choice(["calls", "documents", "tokens", "positions", "flops"]),
    help="What the curve counts the large model's work in. [default: the first that was counted]",
)
metric_option = click.option("--metric", help="The metric that is shown in full. [default: the main one of each task]")
output_option = click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write FILE.html, .svg or .json."
)


def report_options(command: F) -> F:
    """Add the options of every command that shows a sweep."""
    for add in (json_option("Print everything as JSON."), output_option, metric_option, axis_option, margin_option):
        command = add(command)
    return command


def report(
    sweep: Sweep,
    *,
    margin: float = SAME_WITHIN,
    axis: str | None = None,
    metric: str | None = None,
    output: Path | None = None,
    as_json: bool = False,
) -> None:
    """Print what follows from a sweep, or write it to a file by its ending. Raises UsageError for another ending,
    BenchtuiError where the file cannot be written."""
    from benchtui.compare.hybrid.conclusions import conclusions

    found = conclusions(sweep, margin, cast("Measure | None", axis))
    _check(found, metric)
    if output is not None:
        _write(found, output, metric)
    if as_json:
        from benchtui.reports.hybrid.record import sweep_json

        click.echo(sweep_json(found), nl=False)
    elif output is None:
        from benchtui.reports.hybrid.tables import print_sweep
        from benchtui.reports.stdout import stdout_console

        print_sweep(found, stdout_console(elsewhere=120), metric)


def _check(found: SweptConclusions, metric: str | None) -> None:
    names = {each.metric for _, of_metrics in found.tasks for each in of_metrics}
    names |= {f"{each.metric},{each.filter}" for _, of_metrics in found.tasks for each in of_metrics}
    if metric is not None and metric not in names:
        known = ", ".join(sorted({each.metric for task in found.sweep.tasks for each in task.metrics}))
        raise UsageError(f"--metric: no task has {metric!r}.", f"There are {known}.")


def _write(found: SweptConclusions, output: Path, metric: str | None) -> None:
    write_out(_text(found, output, metric), output)


def _text(found: SweptConclusions, output: Path, metric: str | None) -> str:
    if output.suffix == ".json":
        from benchtui.reports.hybrid.record import sweep_json

        return sweep_json(found)
    if output.suffix == ".html":
        from benchtui.reports.hybrid.page import sweep_html

        return sweep_html(found)
    if output.suffix == ".svg":
        from benchtui.reports.hybrid.svg import main_svg

        return main_svg(found, metric)
    raise UsageError(f"--output {output}: what is to be written is not known.", "Name a file .html, .svg or .json.")
