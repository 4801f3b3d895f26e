"""The list of runs as a table for a terminal, and as lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence

from benchtui.durations import rough_duration
from benchtui.reports.wording.glyphs import Glyphs, glyphs_for
from benchtui.reports.wording.states import state_glyph, state_style
from benchtui.runs.known import LONGEST_NAME
from benchtui.runs.listing import ListedRun
from benchtui.text import one_line

ROOMY = 100
"""Columns of terminal from which on a run's start is shown too."""
_COLUMNS = ("Run", "Tasks", "State", "Progress", "Started", "Took")


def _cells(run: ListedRun, glyphs: Glyphs, now: float) -> tuple[str, ...]:
    started = "" if run.started is None else f"{rough_duration(max(now - run.started, 0))} ago"
    took = "" if run.seconds is None else rough_duration(run.seconds)
    state = f"{glyphs.failed} {run.message}" if run.newer else f"{state_glyph(run.state, glyphs)} {run.state}"
    return (one_line(run.name, LONGEST_NAME), _what(run), state, _progress(run), started, took)


def _what(run: ListedRun) -> str:
    if run.state == "unreadable":
        return one_line(run.message, 200)
    if run.suite:
        return one_line(run.suite, 20)
    names = ", ".join(run.tasks[:3])
    return one_line(f"{names} and {len(run.tasks) - 3} more" if len(run.tasks) > 3 else names, 60)


def _progress(run: ListedRun) -> str:
    if run.task:
        beside = f", {run.workers:,} workers" if run.workers > 1 else ""
        return one_line(f"{run.task} {run.documents}/{run.documents_total}{beside}", 70)
    decided = ", decided" if run.early else ""
    if run.documents_total:
        return f"{run.documents}/{run.documents_total}{decided}"
    if run.total and (run.state == "finished" or run.answered < run.total):  # of an earlier version
        return f"{100 * run.answered // run.total}%{decided}"  # rounded down: 100% only when everything is done
    return ""


def run_lines(runs: Sequence[ListedRun]) -> Iterator[str]:
    """Yield one line a run in aligned columns, however wide."""
    glyphs, now = glyphs_for(sys.stdout.encoding), time.time()
    table = [(*_COLUMNS, "Next"), *((*_cells(run, glyphs, now), run.next_step) for run in runs)]
    widths = [max(len(row[column]) for row in table) for column in range(len(_COLUMNS))]
    for cells in table:
        padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=False)]
        yield "  ".join([*padded, cells[-1]]).rstrip()


def print_run_table(runs: Sequence[ListedRun]) -> None:
    """Print a table for a terminal; what to type next stands below it."""
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(markup=False, highlight=False, emoji=False)
    glyphs, now = glyphs_for(console.encoding), time.time()
    roomy = console.width >= ROOMY
    table = Table(box=None, pad_edge=False, padding=(0, 2 if roomy else 1, 0, 0), header_style="bold")
    lines = [dict(zip(_COLUMNS, _cells(run, glyphs, now), strict=True)) for run in runs]
    for name in _COLUMNS:
        if roomy or name != "Started":  # most runs are named by when they started
            needed = max(cell_len(text) for text in (name, *(line[name] for line in lines)))
            whole = name in ("State", "Started", "Took") or (name == "Run" and needed <= console.width - 44)
            table.add_column(name, overflow="fold", no_wrap=whole)
    for run, line in zip(runs, lines, strict=True):
        cells = {name: Text(text) for name, text in line.items() if roomy or name != "Started"}
        cells["State"].stylize(state_style(run.state))
        table.add_row(*cells.values())
    console.print(table)
    steps = list(dict.fromkeys(run.next_step for run in _one_of_each(runs) if run.next_step))
    for step in steps[:3]:
        console.print(Text.assemble(f"{glyphs.next_step} ", (one_line(step, 200), "bold")))


def _one_of_each(runs: Sequence[ListedRun]) -> list[ListedRun]:
    """Of the runs that one command started only the first listed: its next step does for both."""
    seen: dict[str, ListedRun] = {}
    for run in runs:
        seen.setdefault(run.bench_id or run.name, run)
    return list(seen.values())
