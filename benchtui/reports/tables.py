"""Draws the comparison as a terminal table: eighty columns are enough, wider terminals show intervals and
p-values too."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from benchtui.compare.names import FINE_TUNED, short_names
from benchtui.compare.records import Comparison, Row
from benchtui.reports.wording.glyphs import UNICODE, Glyphs, glyphs_for
from benchtui.reports.wording.notes import notes, p_note, populations
from benchtui.reports.wording.numbers import score_words
from benchtui.reports.wording.repeats import is_step, repeat_lines, repeats_of
from benchtui.reports.wording.scores import (
    change_words,
    difference_interval,
    headline_metrics,
    indent,
    interval_heading,
    label,
    p_cell,
    row_n,
)
from benchtui.reports.wording.speed import speed_lines, speed_words
from benchtui.reports.wording.two_models import two_model_lines, two_model_words
from benchtui.reports.wording.verdicts import Tone, tone_of, verdict_cell
from benchtui.text import one_line, printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from benchtui.compare.summary import Summary

WIDE = 112
"""Columns from which the intervals and p-values have room."""

FULL = 120
"""Columns in a pipe or a file: every column of the table, and sentences in lines that can still be read."""

MAX_DEPTH = 1
"""How many levels of a group the table shows: MMLU's categories, not its 57 subjects."""


_STYLES: dict[Tone, str] = {"gain": "green", "loss": "red", "warning": "yellow", "muted": "dim"}
"""The terminal's own sixteen colours, so that every theme can carry them."""


def shown_rows(comparison: Comparison) -> list[Row]:
    """Return the rows of the table: each task, its other metrics, and the categories of a group. Of pass@k the largest
    k alone is shown; files list the others."""
    return [row for row in comparison.rows if row.depth <= MAX_DEPTH and not is_step(row)]


def style_of(row: Row) -> str:
    """A colour beside glyph and word; "" for rows without a verdict of their own."""
    if row.verdict is None or row.level != "headline":
        return ""
    return _STYLES[tone_of(row.verdict.tone)]


def comparison_table(comparison: Comparison, *, width: int = 80, glyphs: Glyphs = UNICODE) -> RenderableType:
    """Return the table with its sentences and notes below, to be printed by rich. All foreign text in it is plain
    text."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [_table(comparison, width=width, glyphs=glyphs), Text("")]
    parts.append(Text(printable(comparison.sentence), style="bold"))
    parts += [_hanging(sign, line) for sign, line in _verdict_lines(comparison, glyphs)]
    told = notes(comparison)
    if told:
        parts.append(Text(""))
        parts += [_hanging("!", one_line(note, 400), "yellow") for note in told]
    parts += [Text(""), Text(_legend(comparison, glyphs), style="dim")]
    parts += [Text(printable(f"{line}."), style="dim") for line in repeat_lines(comparison)]
    parts += [Text(printable(f"{line}."), style="dim") for line in two_model_lines(comparison)]
    parts += [Text(printable(f"{line}."), style="dim") for line in speed_lines(comparison)]
    return Group(*parts)


def _hanging(sign: str, line: str, style: str = "") -> RenderableType:
    """Return a sign and a text whose further lines are indented below its first."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=len(sign))
    grid.add_column()
    grid.add_row(Text(sign, style=style), Text(line, style=style))
    return grid


def _table(comparison: Comparison, *, width: int, glyphs: Glyphs) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    wide = width >= WIDE
    digits = 2 if wide else 1
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2 if wide else 0, 0, 0))
    table.add_column("Benchmark", overflow="fold")
    first, second = short_names((comparison.first_name, comparison.second_name), 14)
    table.add_column(Text(first), justify="right", no_wrap=True)
    broken = "Fine-\ntuned" if second == FINE_TUNED and not wide else second
    table.add_column(Text(broken), justify="right", no_wrap=True)
    table.add_column("Change", no_wrap=True)
    if wide:
        table.add_column(interval_heading(comparison), no_wrap=True)
        table.add_column("p", justify="right", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    table.add_column("Verdict", no_wrap=True)
    for row in shown_rows(comparison):
        margin = "  " * indent(row)
        base_style = "" if row.level == "headline" else "dim"
        cells = [
            Text(margin + one_line(label(row, comparison), 60), style="bold" if row.level == "headline" else ""),
            Text(score_words(row.first.value, is_share=row.is_share, digits=digits)),
            Text(score_words(row.second.value, is_share=row.is_share, digits=digits)),
            Text(change_words(row, glyphs, digits), style=style_of(row)),
        ]
        if wide:
            cells += [Text(difference_interval(row)), Text(p_cell(row))]
        cells += [Text(row_n(row, glyphs)), Text(verdict_cell(row, glyphs), style=style_of(row))]
        table.add_row(*cells, style=base_style)
    return table


def _verdict_lines(comparison: Comparison, glyphs: Glyphs) -> list[tuple[str, str]]:
    several = len(comparison.headlines) > 1
    return [
        (verdict_cell(row, glyphs)[0], (f"{row.title}. " if several else "") + printable(row.verdict.sentence))
        for row in comparison.headlines
        if row.verdict is not None
    ]


def _legend(comparison: Comparison, glyphs: Glyphs) -> str:
    legend = f"Points and relative change. Measured by: {headline_metrics(comparison)}."
    if told := p_note(comparison, shown_rows(comparison)):
        legend += f" {told}"
    if told := populations(comparison):
        legend += f" {told}"
    if comparison.partial:
        legend += f" {glyphs.partial} partial: samples scored / samples in the task."
    return printable(legend)


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print the table on a terminal, a pipe or a file, in the width and with the signs that it has."""
    glyphs = glyphs_for(console.encoding)
    console.print(comparison_table(comparison, width=console.width, glyphs=glyphs), soft_wrap=False)


def print_summary(summary: Summary, console: Console | None = None) -> None:
    """Print what benchmark.json says, on stdout: the comparison, or one run's scores when there is only one."""
    from benchtui.reports.stdout import stdout_console

    console = console or stdout_console(elsewhere=FULL)
    if summary.comparison is not None:
        print_comparison(summary.comparison, console)
        return
    results = summary.fine_tuned or summary.base
    if results is not None:
        from benchtui.reports.scores import score_notes, score_populations, scores_table

        console.print(scores_table(results, glyphs_for(console.encoding)))
        for note in score_notes(results):
            console.print(_hanging("!", one_line(note, 400), "yellow"))
        console.print(printable(score_populations(results)), style="dim", markup=False, highlight=False)
        for words in repeats_of(results):
            console.print(printable(f"{words}."), style="dim", markup=False, highlight=False)
        for words in two_model_words(results):
            console.print(printable(f"{words}."), style="dim", markup=False, highlight=False)
        if words := speed_words(results):
            console.print(printable(f"Speed: {words}."), style="dim", markup=False, highlight=False)
        missing = "base" if summary.base is None else "fine-tuned"
        console.print(f"No {missing} results: nothing to compare with.", style="dim", markup=False)


def plain_table(comparison: Comparison, *, width: int = FULL, glyphs: Glyphs = UNICODE) -> str:
    """Return the same without colour, for files and logs; ends in a newline, lines without trailing blanks."""
    from rich.console import Console

    buffer = io.StringIO()
    console = Console(file=buffer, width=width, color_system=None, force_terminal=False, legacy_windows=False)
    console.print(comparison_table(comparison, width=width, glyphs=glyphs))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"
