"""`benchtui note`: a line about a run, for the experiment log."""

from __future__ import annotations

from pathlib import Path

import click

from benchtui.cli.parameters.settings import setting_option


@click.command("note")
@click.argument("run")
@click.argument("text", required=False)
@setting_option("outputs")
def command(run: str, text: str | None, outputs: Path) -> None:
    """Keep TEXT as the note of RUN; without TEXT print the note, with "" remove it.

    RUN is a run as `benchtui runs` names it, its folder, or a model for its newest full run.
    """
    from benchtui.compare.history.notes import read_note, write_note
    from benchtui.results.choose import find_scored_run
    from benchtui.text import printable

    found = find_scored_run(outputs, run)
    if text is None:
        click.echo(printable(read_note(found)))
        return
    write_note(found, text)
    click.echo(f"{'Noted' if text.strip() else 'Note removed'}: {found.path}", err=True)
