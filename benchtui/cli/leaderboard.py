"""`benchtui leaderboard`: many models beside each other."""

from __future__ import annotations

from pathlib import Path

import click

from benchtui.cli.parameters.settings import setting_option
from benchtui.errors import BenchtuiError


@click.command("leaderboard")
@click.argument("models", metavar="[MODEL | RUN]...", nargs=-1)
@click.option("--reference", default="base", show_default=True, help="The row that all are compared with.")
@click.option(
    "--pairwise",
    is_flag=False,
    flag_value="",
    metavar="[TASK]",
    help="Every pair of models in one task: differences and corrected p. [default: the task that most have]",
)
@click.option("--steps", is_flag=True, help="Scores over training steps: the best so far, and the first drop shown.")
@click.option("--pareto", is_flag=True, help="Scores against size, memory, speed and length of answers.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "markdown", "csv", "json", "html", "svg"]),
    default="table",
    show_default=True,
    help="How it is written.",
)
@setting_option("outputs")
def command(
    models: tuple[str, ...],
    reference: str,
    pairwise: str | None,
    steps: bool,
    pareto: bool,
    form: str,
    outputs: Path,
) -> None:
    """Models, checkpoints and quantisations in rows, tasks in columns, each with its change against the reference."""
    from benchtui.compare.leaderboard.assemble import assemble, complete
    from benchtui.reports.leaderboard.tables import leaderboard_table
    from benchtui.reports.stdout import stdout_console

    found = assemble(outputs, models, reference=reference)
    if not found.candidates:
        raise BenchtuiError(f"Nothing in {outputs} has results yet.", "Type `benchtui run` first.")
    if pairwise is not None or steps or pareto:
        from benchtui.cli.leaderboard_views import print_view

        return print_view(found, pairwise=pairwise, steps=steps, pareto=pareto, form=form)
    for newer in complete(found):
        found = newer
    stdout_console(elsewhere=10_000).print(leaderboard_table(found.board()))
    return None
