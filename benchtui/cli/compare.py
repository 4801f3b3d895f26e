"""`benchtui compare A B`: two runs, sample by sample."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchtui.cli.parameters.options import points_option
from benchtui.cli.parameters.settings import setting_option
from benchtui.settings.rows import MAX_LOSS, SAME_WITHIN

if TYPE_CHECKING:
    from benchtui.compare.records import Comparison


@click.command("compare")
@click.argument("first", metavar="[A]", required=False)
@click.argument("second", metavar="[B]", required=False)
@click.option(
    "--format",
    "format",
    type=click.Choice(["table", "markdown", "csv", "json", "html", "svg"]),
    default="table",
    show_default=True,
    help="How the comparison is written.",
)
@points_option(
    "--max-loss",
    "margin",
    type=click.FloatRange(0, 100, min_open=True),
    help=f"Say of each task whether no loss over this is shown. [default: the run's --decide-loss, else {MAX_LOSS:g}]",
)
@points_option(
    "--same-within",
    type=click.FloatRange(0, 100, min_open=True),
    help="Say of each task whether no difference over this, either way, is shown. [default: the run's "
    f"--decide-delta, else {SAME_WITHIN:g}]",
)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file, not to stdout.")
@setting_option("outputs")
def command(
    first: str | None,
    second: str | None,
    format: str,
    margin: float | None,
    same_within: float | None,
    output: Path | None,
    outputs: Path,
) -> None:
    """Compare run B with run A, sample by sample.

    A and B are runs as `benchtui runs` lists them, models (their newest full run), output folders of lm_eval (with
    --log_samples) or result files. A model or run alone is compared with its base; without any, the model benchmarked
    last.
    """
    from benchtui.compare.compare import compare_runs
    from benchtui.compare.verdicts.margins import Margins, asked_margins
    from benchtui.results.choose import places_to_compare
    from benchtui.results.read import read_run
    from benchtui.text import printable

    a, b, newer = places_to_compare(outputs, first, second)
    one, other = read_run(a), read_run(b)
    asked = asked_margins(one, other)
    margins = Margins(margin or asked.loss, same_within or asked.difference)
    comparison = compare_runs(one, other, margins=margins)
    _write(comparison, format, output)
    for run in newer:
        click.echo(printable(str(run)), err=True)


def _write(comparison: Comparison, format: str, output: Path | None) -> None:
    if format == "table" and output is None:
        from benchtui.reports.stdout import stdout_console
        from benchtui.reports.tables import FULL, print_comparison

        print_comparison(comparison, stdout_console(elsewhere=FULL))
        return
    from benchtui.cli.terminal.written import write_out

    write_out(_text(comparison, format), output)


def _text(comparison: Comparison, format: str) -> str:
    if format == "table":
        from benchtui.reports.tables import plain_table

        return plain_table(comparison)
    if format == "markdown":
        from benchtui.reports.markdown import comparison_markdown

        return comparison_markdown(comparison)
    if format == "svg":
        from benchtui.reports.picture import comparison_svg

        return comparison_svg(comparison)
    if format == "html":
        from benchtui.reports.html import comparison_html

        return comparison_html(comparison)
    from benchtui.reports.exports import comparison_csv, comparison_json

    return comparison_csv(comparison) if format == "csv" else comparison_json(comparison)
