"""`benchtui leaderboard`: many models beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchtui.cli.parameters.settings import setting_option
from benchtui.errors import BenchtuiError

if TYPE_CHECKING:
    from benchtui.compare.leaderboard.assemble import Assembly
    from benchtui.compare.leaderboard.order import Grouping
    from benchtui.reports.leaderboard.page import Page

FORMATS = ("table", "markdown", "csv", "json", "html", "svg", "latex")


@click.command("leaderboard")
@click.argument("models", metavar="[MODEL | RUN]...", nargs=-1)
@click.option(
    "--reference",
    metavar="NAME",
    default="base",
    show_default=True,
    help="What all are compared with: `base`, each model's own, or one row by its name.",
)
@click.option("--task", "tasks", metavar="TASK", multiple=True, help="Show this task alone; give it again for more.")
@click.option(
    "--sort",
    metavar="COLUMN",
    help="Sort by a task, `mean`, `size`, `memory`, `speed`, `length` of the answers, or `name`, the best first. "
    "[default: the mean, else the first task]",
)
@click.option("--reverse", is_flag=True, help="The worst first.")
@click.option("--group", type=click.Choice(["base", "model"]), help="Group the rows by base or by model folder.")
@click.option("--all-runs", is_flag=True, help="Below each row also its other runs, and its seeds.")
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
    "--format", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="How it is written."
)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file, not to stdout.")
@setting_option("outputs")
def command(
    models: tuple[str, ...],
    reference: str,
    tasks: tuple[str, ...],
    sort: str | None,
    reverse: bool,
    group: Grouping | None,
    all_runs: bool,
    pairwise: str | None,
    steps: bool,
    pareto: bool,
    form: str,
    output: Path | None,
    outputs: Path,
) -> None:
    """Which model is best, and is that shown? Models, checkpoints, quantisations and backends in rows, tasks in
    columns, each score with its change against the base.

    The more models are compared, the more likely one of them looks better by chance. So all verdicts are corrected
    together; a model is called best only where it is shown to be better than every other one; and a line below says how
    much of the best one's score is owed to choosing it. Naming MODELs makes fewer tests, which show more; sorting and
    grouping change nothing.

    \b
    benchtui leaderboard                              everything in outputs/
    benchtui leaderboard my-model --sort gsm8k        one model's checkpoints and quantisations
    benchtui leaderboard --reference my-model/lora    all against one of them
    benchtui leaderboard --format html --output board.html
    """
    from benchtui.compare.leaderboard.assemble import assemble
    from benchtui.compare.leaderboard.other_runs import scores_of_others
    from benchtui.reports.leaderboard.page import page_of

    found = assemble(outputs, models, reference=reference, tasks=tasks)
    if not found.candidates:
        raise BenchtuiError(f"Nothing in {outputs} has results yet.", "Type `benchtui run` first.")
    if pairwise is not None or steps or pareto:
        from benchtui.cli.leaderboard_views import print_view

        return print_view(found, pairwise=pairwise, steps=steps, pareto=pareto, form=form, output=output)
    page_of(found.board(), sort=sort, reverse=reverse, group=group)  # complain before anything is computed
    board = completed(found).board()
    scores = scores_of_others(board) if all_runs else None
    _write(page_of(board, sort=sort, reverse=reverse, group=group, all_runs=all_runs, scores=scores), form, output)
    return None


def completed(found: Assembly) -> Assembly:
    """Compare what is missing; standard error is told how much that is, where it is a terminal."""
    from benchtui.cli.terminal.progress import counted
    from benchtui.compare.leaderboard.assemble import complete

    with counted("Comparing") as tell:
        for newer in complete(found):
            found = newer
            done = len(found.compared)
            tell(done, done + len(found.missing()))
    return found


def _write(page: Page, form: str, output: Path | None) -> None:
    if form == "table" and output is None:
        from benchtui.reports.leaderboard.tables import WHOLE, print_page
        from benchtui.reports.stdout import stdout_console

        print_page(page, stdout_console(elsewhere=WHOLE))
        return
    from benchtui.cli.terminal.written import write_out

    write_out(_text(page, form), output)


def _text(page: Page, form: str) -> str:
    if form == "table":
        from benchtui.reports.leaderboard.tables import plain_leaderboard

        return plain_leaderboard(page)
    if form == "markdown":
        from benchtui.reports.leaderboard.markdown import leaderboard_markdown

        return leaderboard_markdown(page)
    if form == "latex":
        from benchtui.reports.leaderboard.latex import leaderboard_latex

        return leaderboard_latex(page)
    if form == "svg":
        from benchtui.reports.leaderboard.picture import leaderboard_svg

        return leaderboard_svg(page)
    if form == "html":
        from benchtui.reports.leaderboard.html import leaderboard_html

        return leaderboard_html(page)
    from benchtui.reports.leaderboard.exports import leaderboard_csv, leaderboard_json

    return leaderboard_csv(page) if form == "csv" else leaderboard_json(page)
