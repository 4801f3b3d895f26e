"""`benchtui readme`: the results in the model's READMEs and model cards."""

from __future__ import annotations

from pathlib import Path

import click

from benchtui.cli.parameters.options import run_option
from benchtui.cli.parameters.settings import setting_option
from benchtui.errors import BenchtuiError


@click.command("readme")
@click.argument("model", required=False)
@run_option(
    "Take this fine-tuned run, as `benchtui runs` names it; a limited, partial or early one only where the model has "
    "no full run."
)
@click.option(
    "--leaderboard",
    is_flag=True,
    help="Also a table of MODEL's checkpoints, formats and quantisations beside their base; until the next "
    "`benchtui run` or `benchtui readme` writes the section again.",
)
@click.option(
    "--votes",
    is_flag=True,
    help="Also what MODEL's blind votes show (`benchtui chat --blind`); as long as --leaderboard.",
)
@setting_option("outputs")
def command(model: str | None, run: str | None, leaderboard: bool, votes: bool, outputs: Path) -> None:
    """Write MODEL's benchmark results into its README files.

    README.md of the model folder and of lora/, merged_16bit/, merged_4bit/ and gguf/ get a Benchmark Results section
    between two markers, and `model-index` metadata for the Hub where they have front matter. Nothing else in them
    changes. MODEL is a model, or a run as `benchtui runs` names it; without one, the model benchmarked last.
    """
    from benchtui.compare.summary import summarize
    from benchtui.reports.readme.readme import update_readmes
    from benchtui.results.choose import runs_of_model
    from benchtui.text import printable

    folder, runs = runs_of_model(outputs, model, run)
    more = [_leaderboard(folder)] if leaderboard else []
    more += [_votes(folder)] if votes else []
    done = update_readmes(folder, summarize(folder, runs), "\n\n".join(part.strip("\n") for part in more))
    lines = [f"Results of the run {runs.fine_tuned.path.name}."] if runs.fine_tuned else []
    lines += runs.why_others_do_not_count
    for line in (*lines, *done):
        click.echo(printable(line))


def _leaderboard(folder: Path) -> str:
    """Return the leaderboard of what one model folder has, as a part of the section."""
    from benchtui.cli.leaderboard import completed
    from benchtui.compare.leaderboard.assemble import assemble
    from benchtui.reports.leaderboard.markdown import leaderboard_part
    from benchtui.reports.leaderboard.page import page_of

    return leaderboard_part(page_of(completed(assemble(folder.parent, (folder.name,))).board()))


def _votes(folder: Path) -> str:
    """Return the blind votes of a model as a part of the section. Raises BenchtuiError where there are none."""
    from benchtui.compare.history.votes import model_votes
    from benchtui.reports.chat.votes_log import votes_part

    if part := votes_part(model_votes(folder)):
        return part
    raise BenchtuiError(f"No blind vote of {folder.name} was ended yet.", "Type `benchtui chat MODEL base --blind`.")
