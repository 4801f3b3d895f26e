"""`benchtui summarize`: benchmark.json again, from what is on disk."""

from __future__ import annotations

from pathlib import Path

import click

from benchtui.cli.parameters.options import json_option, run_option
from benchtui.cli.parameters.settings import setting_option


@click.command("summarize")
@click.argument("model", required=False)
@run_option(
    "Take this fine-tuned run, as `benchtui runs` names it. A limited, partial or early run is shown, and does not "
    "replace a full one."
)
@setting_option("outputs")
@json_option("Print benchmark.json instead of a table.")
def command(model: str | None, run: str | None, outputs: Path, as_json: bool) -> None:
    """Rebuild MODEL's benchmark.json from the result files on disk, and print it as a table.

    MODEL is a model, or a run as `benchtui runs` names it; without one, the model benchmarked last.
    """
    from benchtui.compare.summary import summarize, write_summary
    from benchtui.results.choose import ChosenRuns, base_of, runs_of_model
    from benchtui.text import printable

    folder, runs = runs_of_model(outputs, model, run)
    summary = write_summary(folder, runs)
    if as_json:
        click.echo(summary.path.read_text(encoding="utf-8"), nl=False)
    else:
        from benchtui.reports.tables import print_summary

        named = runs.named.run if runs.named else None
        print_summary(summarize(folder, ChosenRuns(base_of(named, folder), named)) if named else summary)
    for said in runs.why_others_do_not_count:
        click.echo(printable(said), err=True)
    click.echo(printable(f"Written: {summary.path}"), err=True)
