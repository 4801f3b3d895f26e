"""`benchtui readme`: the results in the model's READMEs and model cards."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("readme")
@click.argument("model", required=False)
@click.option(
    "--run",
    "run",
    type=click.Path(path_type=Path),
    help="Take this fine-tuned run: its folder, or its name under benchmarks/fine-tuned. [default: the latest that was "
    "not limited]",
)
@click.option(
    "--outputs",
    type=click.Path(path_type=Path),
    envvar="BENCHTUI_OUTPUTS",
    help="Folder with the trained models. [default: outputs]",
)
def command(model: str | None, run: Path | None, outputs: Path | None) -> None:
    """Write MODEL's benchmark results into its README files.

    README.md of the model folder and of lora/, merged_16bit/, merged_4bit/ and gguf/ get a Benchmark Results section
    between two markers, and `model-index` metadata for the Hub where they have front matter. Nothing else in them
    changes. MODEL is a model folder or its name in outputs/; without one, the model benchmarked last.
    """
    from benchtui.cli.places import outputs_folder
    from benchtui.reports.chosen import choose_results
    from benchtui.reports.readme import update_readmes
    from benchtui.results.locate import model_folder
    from benchtui.text import printable

    folder = model_folder(model, outputs_folder(outputs))
    chosen = choose_results(folder, run)
    done = update_readmes(folder, chosen.summary)
    for line in (*chosen.words(), *done):
        click.echo(printable(line))
