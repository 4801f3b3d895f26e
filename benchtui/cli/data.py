"""`benchtui data`: look at data of one's own before they are evaluated."""

from __future__ import annotations

from typing import Any

import click

from benchtui.cli.parameters.settings import SectionedCommand, setting_options
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
