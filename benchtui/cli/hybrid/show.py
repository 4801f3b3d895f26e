"""`benchtui hybrid show`: what a finished sweep found, without any model."""

from __future__ import annotations

from pathlib import Path

import click

from benchtui.cli.hybrid.report import report, report_options
from benchtui.cli.parameters.settings import setting_option


@click.command("show")
@click.argument("run", metavar="[RUN]", required=False)
@report_options
@setting_option("outputs")
def command(
    run: str | None,
    margin: float,
    axis: str | None,
    metric: str | None,
    output: Path | None,
    as_json: bool,
    outputs: Path,
) -> None:
    """Show what a sweep found: what every threshold costs and loses, and which one to take.

    RUN is a sweep as `benchtui runs` lists it, or a model (its newest sweep); without any, the newest of all. The
    threshold is chosen on one half of the documents, and everything is reported on the other.

    \b
    benchtui hybrid show
    benchtui hybrid show --margin 1.5 --output curve.html
    """
    from benchtui.results.sweeps import find_sweep

    report(find_sweep(outputs, run), margin=margin, axis=axis, metric=metric, output=output, as_json=as_json)
