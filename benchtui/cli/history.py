"""`benchtui history`: the experiment log."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchtui.cli.parameters.settings import setting_option
from benchtui.errors import BenchtuiError, UsageError

if TYPE_CHECKING:
    from benchtui.compare.history.history import Experiment
    from benchtui.compare.history.votes import EndedVote
    from benchtui.runs.directory import RunDirectory

EVERYTHING = 10_000
"""Columns in which every task and note has room."""

LONGEST_TABLE = 500
"""Runs up to which the log is laid out for the terminal; more are a line each, however wide."""

WITH_VOTES = ("table", "markdown")
"""Formats for people, in which the blind votes follow; programs ask for them with --votes."""

MOST_REASONS = 3
"""Sentences below the table on what could not be compared; JSON and CSV have one for each."""


@click.command("history")
@click.argument("model", required=False)
@click.option("--task", help="Order the models by this task. [default: the one most of them have]")
@click.option("--all-runs", is_flag=True, help="Every run of every model, oldest first, not a leaderboard.")
@click.option("--votes", is_flag=True, help="Only the blind votes (`benchtui chat --blind`), in any format.")
@click.option(
    "--format",
    "format",
    type=click.Choice(["table", "markdown", "csv", "json"]),
    default="table",
    show_default=True,
    help="How the log is written.",
)
@setting_option("outputs")
def command(model: str | None, task: str | None, all_runs: bool, votes: bool, format: str, outputs: Path) -> None:
    """All runs of MODEL, oldest first; without one, a leaderboard of all models by their newest full run.

    MODEL may be one of its runs, as `benchtui runs` names it: that run alone is shown.

    Each line has what was trained (dataset, learning rate, rank), the scores with their change against the base (a
    dash where the two cannot be compared), and your note (`benchtui note`). Blind votes that were ended follow in a
    table of their own: they are no scores, and change no leaderboard.
    """
    from benchtui.compare.history.history import all_history
    from benchtui.reports.log import ranked, shared_task, tasks_of
    from benchtui.results.choose import find_model
    from benchtui.text import one_line

    named = find_model(outputs, model) if model is not None else None
    voted = _votes(outputs, named)
    if votes:
        return _print_votes(voted, format, model or str(outputs))
    found = all_history(outputs) if named is None else _of_model(*named)
    if not found and voted and format in WITH_VOTES:
        return _print_votes(voted, format)
    if not found:
        raise BenchtuiError(f"No run of {model or outputs} left results yet.", "Type `benchtui run` first.")
    if task is not None and task not in tasks_of(found):
        raise UsageError(f"No run has results for {task!r}.", f"There are {', '.join(tasks_of(found))}.")
    by = task or shared_task(found)
    shown = ranked(found, by) if by and not model and not all_runs else found
    _print(shown, by, format)
    listed = {experiment.run for experiment in shown}
    for experiment in found:
        if experiment.problem and experiment.run not in listed:
            click.echo(one_line(f"{experiment.model}, {experiment.run.name}: {experiment.problem}", 600), err=True)
    if voted and format in WITH_VOTES:
        click.echo()
        _print_votes(voted, format)
    return None


def _votes(outputs: Path, named: tuple[Path, RunDirectory | None] | None) -> list[EndedVote]:
    """The blind votes of all models or of one; that vote alone where its run was named."""
    from benchtui.compare.history.votes import all_votes, model_votes

    if named is None:
        return all_votes(outputs)
    model, run = named
    return [vote for vote in model_votes(model) if run is None or vote.run.path.resolve() == run.path.resolve()]


def _print_votes(voted: Sequence[EndedVote], format: str, where: str = "") -> None:
    from benchtui.reports.chat import votes_log
    from benchtui.text import json_text, one_line

    if not voted:
        raise BenchtuiError(f"No blind vote of {where} was ended yet.", "Type `benchtui chat MODEL base --blind`.")
    if format == "table":
        from benchtui.reports.stdout import stdout_console
        from benchtui.reports.wording.glyphs import glyphs_for

        console = stdout_console(elsewhere=EVERYTHING)
        console.print(votes_log.history_table(voted, glyphs_for(console.encoding)))
    else:
        written = {"markdown": votes_log.history_markdown, "csv": votes_log.history_csv}.get(format)
        click.echo(written(voted) if written else json_text(votes_log.history_records(voted)), nl=False)
    for one in voted:
        if one.problem:
            click.echo(one_line(one.problem, 600), err=True)


def _of_model(model: Path, run: RunDirectory | None) -> list[Experiment]:
    """The runs of a model; that run alone where a fine-tuned one was named."""
    from benchtui.compare.history.history import model_history

    found = model_history(model)
    place = run.path.resolve() if run is not None else None
    return [experiment for experiment in found if experiment.run.resolve() == place] or found


def _print(experiments: Sequence[Experiment], task: str | None, format: str) -> None:
    from benchtui.reports import log

    if format == "table":
        if len(experiments) > LONGEST_TABLE:
            click.echo(log.log_lines(experiments, task), nl=False)
            return _explain(log.why_not_compared(experiments))
        from benchtui.reports.stdout import stdout_console
        from benchtui.reports.wording.glyphs import glyphs_for

        console = stdout_console(elsewhere=EVERYTHING)
        table, left_out = log.log_table(experiments, task, width=console.width, glyphs=glyphs_for(console.encoding))
        console.print(table)
        if left_out:
            click.echo(
                f"No room for {', '.join(left_out)}: widen the terminal, or ask for --format markdown.", err=True
            )
        return _explain(log.why_not_compared(experiments))
    text = {"markdown": log.log_markdown, "csv": log.log_csv, "json": log.log_json}[format](experiments)
    click.echo(text, nl=False)
    return None


def _explain(reasons: Sequence[str]) -> None:
    for reason in reasons[:MOST_REASONS]:
        click.echo(reason, err=True)
    if len(reasons) > MOST_REASONS:
        click.echo(f"{len(reasons) - MOST_REASONS:,} more scores cannot be compared: --format json says why.", err=True)
