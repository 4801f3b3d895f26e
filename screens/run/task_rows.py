"""The rows of the live view: what each task's cells say of its time and its score."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from benchtui.durations import rough_duration
from benchtui.reports.wording.states import few_answers, left_words, live_n_words, live_score_words
from benchtui.reports.wording.tokens import number
from benchtui.results.health import health_words
from benchtui.runs.follow.view import RowView
from benchtui.runs.kinds.tokens.fold import TokensView
from screens.themes import Colours
from screens.widgets.rows import Rows


class Tasks(Rows):
    HELP = (
        "One row for each model and task: how much of it is done, how long it still takes (~, with a ? while only "
        "few answers tell) or took, how many samples per second, and the score so far with its standard error and the "
        "number of samples (n) it is computed on."
    )


def time_words(row: RowView, now: float, room: int, *, going: bool) -> str:
    """How long the row still takes, or took; in fewer words where there is `room` for fewer characters."""
    if row.over and row.seconds is not None:
        took = f"took {rough_duration(row.seconds)}"
        return took if len(took) <= room else rough_duration(row.seconds)
    words = left_words(row, now) if going else ""
    if len(words) <= room:
        return words
    left = row.remaining_at(now)
    if not left:
        return "unknown"
    guess = "?" if few_answers(row) else ""
    return f"~{rough_duration(left)}{guess}"


def score_text(row: RowView, colours: Colours) -> Text:
    """The score so far with its standard error and n; a sign where the answers look unhealthy: a tab says why."""
    if row.score is None:
        return Text("")
    value, error = live_score_words(row.score)
    text = Text(value, style="bold")
    if error:
        text.append(f" ±{error}", style="not bold")
    text.append(f" {live_n_words(row.score)}", style=f"not bold {colours.muted}")
    return text.append(" ▲", style=colours.warning) if health_words(row.health) else text


def tokens_text(tokens: TokensView, place: int, colours: Colours) -> Text:
    """What a comparison by token knows so far of the model in this row, or, behind the models, of all of them."""
    numbers: Sequence[tuple[str, float | None]] = (("JS", tokens.js),)
    if place < len(tokens.models):
        model = tokens.models[place]
        numbers = (("-ln p", model.surprisal), ("H", model.entropy))
    text = Text()
    for name, value in numbers:
        if value is not None:
            text.append(f"{name} ", style=colours.muted).append(f"{number(value)} ")
    return text
