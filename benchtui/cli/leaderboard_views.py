"""`benchtui leaderboard --pairwise`, `--steps` and `--pareto`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchtui.cli.terminal.written import write_out
from benchtui.errors import UsageError

if TYPE_CHECKING:
    from benchtui.compare.leaderboard.assemble import Assembly
    from benchtui.compare.leaderboard.records import Column


def print_view(
    found: Assembly, *, pairwise: str | None, steps: bool, pareto: bool, form: str, output: Path | None
) -> None:
    """Compare what one of the three takes, and write it. Raises UsageError for two of them at once."""
    from benchtui.reports.leaderboard.sheets import sheets_view
    from benchtui.reports.leaderboard.views import (
        EVERYTHING,
        column_named,
        pairwise_report,
        pareto_report,
        steps_report,
    )
    from benchtui.reports.stdout import stdout_console
    from benchtui.reports.wording.glyphs import glyphs_for

    if (pairwise is not None) + steps + pareto > 1:
        raise UsageError("--pairwise, --steps and --pareto are three reports.", "Name one of them.")
    column = column_named(found.columns, pairwise or "", mean_first=pareto)
    found = _compared(found, column, pairwise=pairwise is not None, steps=steps)
    if form == "table" and output is not None:
        form = "markdown"  # a table in a file, whatever the terminal's width
    console = stdout_console(elsewhere=EVERYTHING)
    glyphs = glyphs_for(console.encoding)
    if pairwise is not None:
        report = pairwise_report(found, column, width=console.width, glyphs=glyphs)
    elif steps:
        report = steps_report(found, width=console.width, glyphs=glyphs)
    else:
        report = pareto_report(found, column, width=console.width, glyphs=glyphs)
    if form == "table":
        console.print(sheets_view(report.sheets))
    else:
        write_out(report.written(form), output)


def _compared(found: Assembly, column: Column, *, pairwise: bool, steps: bool) -> Assembly:
    from benchtui.cli.terminal.progress import counted
    from benchtui.compare.leaderboard.assemble import compare_missing
    from benchtui.compare.leaderboard.views import of_matrix, of_pareto, of_steps

    missing = of_steps() if steps else of_matrix(column) if pairwise else of_pareto(column)
    with counted("Comparing") as tell:
        for newer in compare_missing(found, missing):
            found = newer
            done = len(found.compared)
            tell(done, done + sum(pair not in found.compared for pair in missing(found)))
    return found
