"""`benchtui hybrid defer`: every threshold of deferring documents, from two finished runs."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from benchtui.cli.hybrid.report import report, report_options, thresholds_option
from benchtui.cli.parameters.settings import setting_option
from benchtui.routing.names import DeferScore


@click.command("defer")
@click.argument("small", metavar="RUN_SMALL")
@click.argument("large", metavar="RUN_LARGE")
@click.option(
    "--by",
    type=click.Choice(get_args(DeferScore)),
    help="What says how unsure the small model is: of choices the first two, of texts the others. "
    "[default: margin, mean-logprob]",
)
@thresholds_option
@report_options
@setting_option("outputs")
def command(
    small: str,
    large: str,
    by: DeferScore | None,
    thresholds: tuple[float | str, ...],
    margin: float,
    axis: str | None,
    metric: str | None,
    output: Path | None,
    as_json: bool,
    outputs: Path,
) -> None:
    """Say what deferring to a large model would cost and gain, from two runs that are there: no model is loaded.

    RUN_SMALL and RUN_LARGE are ordinary finished runs of the same tasks, named as for `benchtui compare`. The small
    model's answer to a document counts where it is surer than a threshold, and the large one's elsewhere; every
    threshold is known at once. Thresholds are chosen on one half of the documents and reported on the other.

    For written answers it must be known how likely the small model found its own: `benchtui tokens compare MODEL
    --answers RUN_SMALL` finds out, and is then found here.

    \b
    benchtui hybrid defer small-model large-model
    benchtui hybrid defer small-model large-model --margin 1.5 --output curve.html
    """
    from benchtui.compare.hybrid.defer import deferred
    from benchtui.results.choose import places_to_compare
    from benchtui.results.read import read_run

    first, second, _ = places_to_compare(outputs, small, large)
    sweep = deferred(read_run(first), read_run(second), outputs, thresholds, by)
    report(sweep, margin=margin, axis=axis, metric=metric, output=output, as_json=as_json)
