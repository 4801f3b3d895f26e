"""The cells of a leaderboard as coloured text, in three widths; the words are those of the reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from benchtui.compare.history.history import Outcome
from benchtui.compare.leaderboard.records import Cell, Column
from benchtui.reports.leaderboard.cells import CellWords, outcome_words
from screens.result_text import tone_colour
from screens.themes import Colours


@dataclass(frozen=True)
class Form:
    """What a cell says besides its score and the change, and how wide it is then."""

    width: int
    verdict: bool = False
    interval: bool = False


FORMS = (Form(20), Form(35, verdict=True), Form(62, verdict=True, interval=True))
"""From narrow to wide: the sign alone; the verdict's word; also the score's interval and n."""


def widest(columns: int, width: int) -> Form:
    """Return the widest form in which all columns have room, the narrowest where none has."""
    fitting = [form for form in FORMS if columns * (form.width + 2) <= width]
    return fitting[-1] if fitting else FORMS[0]


def cell_text(words: CellWords, n: str, form: Form, colours: Colours, otherwise: str = "") -> Text:
    """Write one cell. `n` is over how many samples its score is; `otherwise` is behind a score that is compared with
    nothing."""
    text = Text(f"{words.mark:<2} {words.score:>7}", style="" if words.score[-1:].isalnum() or n else colours.muted)
    if form.interval:
        text.append(f" {words.interval:<13} {words.n or n:>12}", style=colours.muted)
    style = tone_colour(words.tone, colours)
    text.append(" ")
    if words.change:
        text.append(f"{words.change:>6} {words.sign}", style=style)
        if form.verdict:
            text.append(f" {words.verdict}", style=style)
        if form.interval and words.seeds:
            text.append(f" ({words.seeds})", style=colours.muted)
    elif words.sign:
        text.append(f"{words.sign} {words.verdict}", style=style)
    else:
        text.append(otherwise, style=colours.muted)
    return text


def outcome_texts(outcomes: Sequence[Outcome], columns: Sequence[Column], form: Form, colours: Colours) -> list[Text]:
    """Write the scores of a run that does not count, or of one seed."""
    samples = {(outcome.task, outcome.metric): f"{outcome.n:,}" for outcome in outcomes}
    found = []
    for column, words in zip(columns, outcome_words(outcomes, columns), strict=True):
        text = cell_text(words, samples.get((column.task, column.metric), ""), form, colours, words.n)
        text.stylize(colours.muted)
        found.append(text)
    return found


def n_of(cell: Cell) -> str:
    return f"{cell.n:,}" if cell.n else ""
