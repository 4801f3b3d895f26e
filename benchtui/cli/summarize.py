"""`benchtui summarize`: benchmark.json again, from what is on disk."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("summarize")
@click.argument("model", required=False)
@click.option(
    "--run",
    "run",
    type=click.Path(path_type=Path),
    help="Take this fine-tuned run: its folder, or its name under benchmarks/fine-tuned. [default: the latest]",
)
@click.option(
    "--outputs",
    type=click.Path(path_type=Path),
    envvar="BENCHTUI_OUTPUTS",
    help="Folder with the trained models. [default: outputs]",
)
@click.option("--json", "as_json", is_flag=True, help="Print benchmark.json instead of a table.")
def command(model: str | None, run: Path | None, outputs: Path | None, as_json: bool) -> None:
    """Rebuild MODEL's benchmark.json from the result files on disk, and print it as a table.

    MODEL is a model folder or its name in outputs/; without one, the model benchmarked last.
    """
    from benchtui.cli.places import outputs_folder
    from benchtui.results.locate import chosen_pair, model_folder
    from benchtui.results.summary import write_summary

    folder = model_folder(model, outputs_folder(outputs))
    base, fine_tuned = chosen_pair(folder, run)
    summary = write_summary(folder, base=base, fine_tuned=fine_tuned)
    if as_json:
        click.echo(summary.path.read_text(encoding="utf-8"), nl=False)
    else:
        from benchtui.reports.tables import print_summary

        print_summary(summary)
    click.echo(f"Written: {summary.path}", err=True)
