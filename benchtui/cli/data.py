"""`benchtui data`: look at data of one's own before they are evaluated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from benchtui.cli.parameters.options import json_option
from benchtui.cli.parameters.settings import SectionedCommand, setting_option, setting_options
from benchtui.errors import ExitCode
from benchtui.settings.rows import OF_OWN_DATA

_ABOUT = tuple(row.name for row in OF_OWN_DATA if row.name != "data")


@click.group(name="data", short_help="Look at data of your own before they are evaluated.")
def command() -> None:
    """Files and data sets of your own as benchmarks: `benchtui run --data FILE` evaluates them."""


@command.command(name="preview", cls=SectionedCommand)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@setting_options(*_ABOUT, "offline", "allow-metric-code")
def preview(files: tuple[str, ...], **values: Any) -> None:
    """Show what is made of FILE: the columns that are recognised, the kind of question, three prompts with the
    expected answers. FILE is a file, or hub:ORG/NAME. Nothing is kept, and no model is asked.

    \b
    benchtui data preview questions.csv
    benchtui data preview chats.jsonl --prompt instruction --answer output
    """
    from benchtui.cli.parameters.own_data import looked_at
    from benchtui.reports.own_data import about_tasks

    for line in about_tasks(looked_at(files, (), values).made):
        click.echo(line)


@command.command(name="check", cls=SectionedCommand)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--wrong", metavar="COLUMN", help="The column of answers that are known to be wrong: a text or a list of texts for "
    "each row. [default: a column called wrong]",
)  # fmt: skip
@click.option(
    "--run", "named", metavar="RUN", multiple=True,
    help="Also say which rows every one of these runs got right, and which none did. May be repeated.",
)  # fmt: skip
@json_option("Print everything as JSON, every row included.")
@setting_option("outputs")
@setting_options(*_ABOUT, "offline", "allow-metric-code")
def check(
    files: tuple[str, ...],
    wrong: str | None,
    named: tuple[str, ...],
    as_json: bool,
    outputs: Path,
    offline: bool,
    allow_metric_code: bool,
    **values: Any,
) -> int:
    """Check FILE before a score of it is believed; no model is asked.

    The metrics must tell right from wrong: every reference gets full marks as an answer, no known wrong answer does.
    Named as well are questions that are there twice (and contradict each other), references that stand in their
    prompt, and how many documents it takes to show a change of 5 points. Exits with 4 where a metric judges an answer
    wrongly or two rows contradict each other.

    \b
    benchtui data check questions.jsonl
    benchtui data check questions.jsonl --metric contains --wrong wrong_answers
    benchtui data check questions.jsonl --run my-model --run my-model/base
    """
    from benchtui.cli.parameters.own_data import data_sets
    from benchtui.compare.own_rows import outcomes
    from benchtui.reports.data_check import about_check, check_json
    from benchtui.results.choose import find_scored_run
    from benchtui.results.read import read_run
    from benchtui.tasks.data.check import check_data

    specs = data_sets(files, outputs, values | {"offline": offline, "allow_metric_code": allow_metric_code})
    runs = [read_run(find_scored_run(outputs, name)) for name in named]
    found = [check_data(spec, wrong, offline=offline, metric_code=allow_metric_code) for spec in specs]
    seen = {each.name: outcomes(runs, each.name, each.questions) for each in found} if runs else {}
    if as_json:
        click.echo(check_json(found, seen), nl=False)
    else:
        for each in found:
            for line in about_check(each, seen.get(each.name)):
                click.echo(line)
    return ExitCode.DONE if all(each.sound for each in found) else ExitCode.GATE_NOT_MET
