"""Show one row of a comparison in full, and what a reader must know beside the numbers."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchtui.compare.records import CONFIDENCE_SEQUENCE, Comparison, Row, Side
from benchtui.reports.wording.notes import notes
from benchtui.reports.wording.scores import (
    SHRUNK,
    difference_interval,
    interval_words,
    metric_words,
    new_tasks_words,
    p_cell,
    shrunk_words,
)
from benchtui.reports.wording.two_models import two_model_lines, two_model_words
from benchtui.reports.wording.verdicts import verdict_glyph
from benchtui.results.records import RunResults
from benchtui.tasks.words import task_words
from benchtui.text import one_line, printable
from screens.result_text import kind_colour, score
from screens.themes import Colours


def detail(row: Row, comparison: Comparison, colours: Colours) -> RenderableType:
    """The row under the cursor: verdict, both scores with their intervals, the difference and its test."""
    parts: list[RenderableType] = []
    if row.verdict is not None:
        style = kind_colour(row.verdict.tone, colours)
        parts.append(Text(f"{verdict_glyph(row.verdict.kind)} {printable(row.verdict.sentence)}", style=style))
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style=colours.muted, no_wrap=True)
    grid.add_column()
    for label, words in _facts(row, comparison):
        grid.add_row(Text(label), Text(words))
    parts.append(grid)
    return Group(*parts)


def _facts(row: Row, comparison: Comparison) -> Iterator[tuple[str, str]]:
    tests = task_words(row.task)
    yield "Measures", one_line(f"{metric_words(row)}{f'. {tests}' if tests else ''}", 300)
    yield comparison.first_name, _side(row.first, row)
    yield comparison.second_name, _side(row.second, row)
    if words := _difference(row, comparison):
        yield "Change", words
        yield "About", row.population
    if words := new_tasks_words(row):
        yield "New tasks", words
    if words := shrunk_words(row):
        yield SHRUNK, words
    if flips := row.flips:
        yield (
            "Samples",
            (
                f"{flips.fixed} fixed, {flips.broken} broken, {flips.both_right} right in both, "
                f"{flips.both_wrong} wrong in both"
            ),
        )


def _difference(row: Row, comparison: Comparison) -> str:
    """The interval and the test behind it. A detail of a task that stopped early has neither."""
    if row.early is not None:
        return f"CI {difference_interval(row)} ({CONFIDENCE_SEQUENCE}, {row.early.n:,} pairs)"
    found = row.tested
    if found is None:
        return f"over {row.difference.n:,} pairs" if row.difference is not None else ""
    level = row.level_of_interval
    interval = f"{100 * level:.3g} % CI {difference_interval(row)}, " if found.interval and level else ""
    corrected = " corrected" if found.p_holm is not None and (comparison.tests > 1 or comparison.watched) else ""
    return f"{interval}p {p_cell(row)}{corrected} ({found.method}, {found.n:,} pairs)"


def _side(side: Side, row: Row) -> str:
    interval = interval_words(side, is_share=row.is_share)
    return f"{score(side.value, share=row.is_share)}{f'  95 % CI {interval}' if interval else ''}  n {side.n:,}" + (
        f" of {side.total:,}" if side.n < side.total else ""
    )


def notes_text(comparison: Comparison, colours: Colours) -> Text:
    """How two models answered a side, and warnings, a line each; empty where there is nothing to know."""
    lines = [Text(one_line(words, 400), style=colours.muted) for words in two_model_lines(comparison)]
    lines += [Text(f"▲ {one_line(note, 400)}", style=colours.warning) for note in notes(comparison)]
    return Text("\n").join([Text(""), *lines]) if lines else Text("")


def own_text(results: RunResults, colours: Colours) -> Text:
    """How two models answered a run; empty where one did."""
    lines = [Text(one_line(words, 400), style=colours.muted) for words in two_model_words(results)]
    return Text("\n").join([Text(""), *lines]) if lines else Text("")
