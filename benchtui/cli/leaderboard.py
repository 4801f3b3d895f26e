"""`benchtui leaderboard`: many models beside each other."""

from __future__ import annotations

from pathlib import Path

import click

from benchtui.cli.parameters.settings import setting_option
from benchtui.errors import BenchtuiError


@click.command("leaderboard")
@click.argument("models", metavar="[MODEL | RUN]...", nargs=-1)
@click.option("--reference", default="base", show_default=True, help="The row that all are compared with.")
@setting_option("outputs")
def command(models: tuple[str, ...], reference: str, outputs: Path) -> None:
    """Models, checkpoints and quantisations in rows, tasks in columns, each with its change against the reference."""
    from benchtui.compare.leaderboard.assemble import assemble, complete
    from benchtui.reports.leaderboard.tables import leaderboard_table
    from benchtui.reports.stdout import stdout_console

    found = assemble(outputs, models, reference=reference)
    if not found.candidates:
        raise BenchtuiError(f"Nothing in {outputs} has results yet.", "Type `benchtui run` first.")
    for newer in complete(found):
        found = newer
    stdout_console(elsewhere=10_000).print(leaderboard_table(found.board()))
