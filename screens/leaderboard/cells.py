"""The cells of a leaderboard as coloured text: signs as well as colours, in three widths."""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text

from benchtui.compare.history.history import Outcome
from benchtui.compare.leaderboard.records import Best, Cell, Column
from benchtui.compare.records import Row, Side
from benchtui.reports.wording.scores import interval_words
from benchtui.reports.wording.verdicts import verdict_cell, verdict_glyph
from benchtui.text import one_line
from screens.result_text import change, kind_colour, score
from screens.themes import Colours

BEST, TIED = "★", "≈"


@dataclass(frozen=True)
class Form:
    """What a cell says besides its score and the change, and how wide it is then."""

    width: int
    verdict: bool = False
    interval: bool = False


FORMS = (Form(19), Form(34, verdict=True), Form(57, verdict=True, interval=True))
"""From narrow to wide: the sign alone; the verdict's word; also the score's interval and n."""


def widest(columns: int, width: int) -> Form:
    """Return the widest form in which all columns have room, the narrowest where none has."""
    fitting = [form for form in FORMS if columns * (form.width + 2) <= width]
    return fitting[-1] if fitting else FORMS[0]


def cell_text(
    cell: Cell, column: Column, best: Best | None, place: int, form: Form, colours: Colours, reference: str
) -> Text:
    """Write one cell. `reference` is what a row without a reference says behind its score."""
    if cell.value is None:
        return Text("  " + "–".rjust(7), style=colours.muted)
    text = _score(cell.value, column.is_share, _mark(best, place), cell.partial)
    if form.interval:
        text.append(f" {_interval(cell, column):<13}", style=colours.muted)
        text.append(f"{n_words(cell.n, cell.total):>10}", style=colours.muted)
    text.append(" ")
    if cell.state == "not comparable":
        why = cell.why.removeprefix("Not comparable: ")
        return text.append(f"✕ {one_line(why, 120)}", style=colours.warning)
    if cell.state == "pending":
        return text.append("…".rjust(7), style=colours.muted)
    if cell.row is None:
        return text.append(reference, style=colours.muted)
    return _compared(text, cell.row, column, form, colours)


def _compared(text: Text, row: Row, column: Column, form: Form, colours: Colours) -> Text:
    verdict = row.verdict
    style = kind_colour(verdict.tone, colours) if verdict is not None else colours.muted
    text.append(change(row.change, share=column.is_share).rjust(7), style=style)
    if verdict is not None:
        text.append(f" {verdict_cell(row) if form.verdict else verdict_glyph(verdict.kind)}", style=style)
    return text


def outcome_text(outcome: Outcome | None, form: Form, colours: Colours) -> Text:
    """Write the score of a run that does not count."""
    if outcome is None:
        return Text("  " + "–".rjust(7), style=colours.muted)
    text = _score(outcome.value, outcome.is_share, " ", outcome.partial)
    if form.interval:
        text.append(" " * 14)
    if form.interval or outcome.partial:
        text.append(f"{n_words(outcome.n, outcome.total):>10}")
    text.stylize(colours.muted)
    return text


def _score(value: float, is_share: bool, mark: str, partial: bool) -> Text:
    return Text(f"{'◐' if partial else mark} {score(value, share=is_share):>7}")


def _mark(best: Best | None, place: int) -> str:
    if best is None or place not in best.tied:
        return " "
    return BEST if best.shown else TIED


def _interval(cell: Cell, column: Column) -> str:
    side = Side(cell.value or 0.0, None, cell.interval, cell.n, cell.total)
    return interval_words(side, is_share=column.is_share)


def n_words(n: int, total: int) -> str:
    """ "541", or "5/541" where not all of a task's documents were scored."""
    return f"{n:,}" if n >= total else f"{n:,}/{total:,}"
