"""One task in one line: name, bar, documents, rate, time left, score, in columns that fit the width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from benchtui.durations import rough_duration
from benchtui.reports.wording.glyphs import Glyphs
from benchtui.reports.wording.states import left_words, live_n_words, live_score_words, rate_words
from benchtui.runs.follow.view import RowView
from benchtui.text import one_line

INDENT = 4
NARROW_BAR, WIDE_BAR = 9, 36
RATE, LEFT, VALUE, ERROR = 8, 13, 6, 7


@dataclass(frozen=True)
class Columns:
    """Widths in cells, 0 for a column that is left out."""

    name: int
    bar: int
    done: int
    rate: int
    left: int
    value: int
    error: int
    n: int
    metric: int


def choose_columns(rows: Sequence[RowView], width: int, glyphs: Glyphs) -> Columns:
    """Choose the columns for all rows of a display: the bar takes what is left; narrow terminals leave out what
    matters least."""
    longest = max((cell_len(_name(row)) for row in rows), default=8)
    name = min(longest, max(width // 4, 10))
    digits = max((len(str(row.documents_total)) for row in rows), default=1)
    metric = max((cell_len(_metric(row)) for row in rows), default=0)
    error = ERROR + len(glyphs.plus_minus)
    columns = Columns(name, 0, max(2 * digits + 1, 5), RATE, LEFT, VALUE, error, len("n=") + digits, metric)
    for dropped in ({}, {"metric": 0}, {"rate": 0}, {"error": 0}, {"n": 0}, {"left": 0}, {"done": 0}, {"value": 0}):
        columns = replace(columns, **dropped)
        bar = width - _taken(columns)
        enough = 20 if columns.metric else 14 if columns.rate else NARROW_BAR
        if bar >= enough:
            break
    if spare := max(bar - WIDE_BAR, 0):  # a longer name reads better than a longer bar
        columns = replace(columns, name=min(longest, name + spare))
        bar = width - _taken(columns)
    return replace(columns, bar=max(min(bar, WIDE_BAR), 0))


def _taken(columns: Columns) -> int:
    """Return the cells of everything but the bar, with the gaps between."""
    gaps = (1, 2, 2, 2, 2, 0, 1, 2)  # before bar, done, rate, left, value, error, n, metric
    widths = (columns.done, columns.rate, columns.left, columns.value, columns.error, columns.n, columns.metric)
    return INDENT + columns.name + gaps[0] + sum(w + gap for w, gap in zip(widths, gaps[1:], strict=True) if w)


def row_line(row: RowView, columns: Columns, glyphs: Glyphs, now: float, *, moving: bool, settled: bool) -> Text:
    """Draw the line of one task. `moving`: its run is running and shows signs of life; `settled`: its run has ended."""
    glyph, style = _glyph(row, glyphs, settled=settled)
    line = Text.assemble("  ", (glyph, style), " ", (_fitted(_name(row), columns.name, glyphs), _name_style(row)))
    line.append(" ")
    line.append_text(_bar(row, columns.bar, glyphs, settled=settled))
    if columns.done:
        line.append(f"  {_done(row):>{columns.done}}", style="" if row.share else "dim")
    if columns.rate:
        shown = rate_words(row.rate) if row.rate and row.active and moving else ""
        line.append(f"  {shown:>{columns.rate}}", style="dim")
    if columns.left:
        line.append(f"  {_left(row, now, moving=moving):>{columns.left}}", style="dim" if row.over else "")
    _append_score(line, row, columns, glyphs)
    return line


def _name(row: RowView) -> str:
    return one_line(row.name, 60)


def _fitted(text: str, cells: int, glyphs: Glyphs) -> str:
    """Return `text` in exactly `cells` cells, with a sign where it was cut."""
    if cell_len(text) <= cells:
        return set_cell_size(text, cells)
    kept = cells - cell_len(glyphs.more)
    return set_cell_size(set_cell_size(text, max(kept, 0)) + glyphs.more, cells)


def _name_style(row: RowView) -> str:
    return "dim" if row.state == "waiting" else ""


def _metric(row: RowView) -> str:
    return one_line(row.score.metric, 30) if row.score else ""


def _glyph(row: RowView, glyphs: Glyphs, *, settled: bool) -> tuple[str, str]:
    if row.state == "done":
        return glyphs.done, "green"
    if row.state == "partial" or (settled and row.share):
        return glyphs.partial, "yellow"
    if row.active and not settled:
        return glyphs.active, "cyan"
    return glyphs.waiting, "dim"


def _bar(row: RowView, width: int, glyphs: Glyphs, *, settled: bool) -> Text:
    """The bar; for a row that has none yet what it waits for, in words."""
    words = {"waiting": "not run" if settled else "waiting", "building prompts": "preparing"}.get(row.state)
    if words and not row.share:
        return Text(set_cell_size(words, width), style="dim")
    steps = width * (2 if glyphs.half else 1)
    reached = steps if row.state == "done" else min(max(round(row.share * steps), 1), steps - 1) if row.share else 0
    full, half = divmod(reached, 2) if glyphs.half else (reached, 0)
    style = {"done": "green", "partial": "yellow"}.get(row.state, "yellow" if settled else "cyan")
    done = glyphs.full * full + glyphs.half * half
    return Text.assemble((done, style), (glyphs.rest * (width - len(done)), "dim"))


def _done(row: RowView) -> str:
    return f"{row.documents}/{row.documents_total}" if row.documents_total else ""


def _left(row: RowView, now: float, *, moving: bool) -> str:
    if row.over:
        return "" if row.seconds is None else f"took {rough_duration(row.seconds)}"
    return left_words(row, now) if moving else ""


def _append_score(line: Text, row: RowView, columns: Columns, glyphs: Glyphs) -> None:
    if not columns.value or row.score is None:
        return
    value, error = live_score_words(row.score)
    line.append(f"  {value:>{columns.value}}", style="bold")
    if columns.error:
        shown = f" {glyphs.plus_minus} {error}" if error else ""
        line.append(f"{shown:<{columns.error}}")
    if columns.n:
        line.append(f" {live_n_words(row.score):<{columns.n}}", style="dim")
    if columns.metric:
        line.append(f"  {_metric(row)}", style="dim")
