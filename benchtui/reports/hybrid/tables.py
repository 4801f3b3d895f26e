"""Prints a sweep as tables: what each threshold costs and loses, both models alone, and what follows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from benchtui.compare.hybrid.conclusions import SweptConclusions, shares, shown_metric
from benchtui.reports.hybrid.plot import curve_lines
from benchtui.reports.tokens.cells import texts
from benchtui.reports.wording.glyphs import UNICODE, Glyphs, glyphs_for
from benchtui.reports.wording.hybrid import (
    OF_WORK,
    WORK,
    cost_sentence,
    difference_words,
    model_words,
    number_words,
    percent,
    score_words,
    sentences,
    task_words,
    threshold_words,
    verdict_words,
)
from benchtui.reports.wording.scores import metric_name
from benchtui.routing.sweeps.records import Measure, SweptTask
from benchtui.text import one_line, printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from benchtui.routing.sweeps.conclude import Conclusion, Place

WIDE = 120
"""Columns from which everything has room."""
_WORDS, _MEASURE, _RANDOM = 62, 9, 7
"""Columns of threshold, score, difference and verdict together, and of each of the others."""
WIDEST_PLOT = 100


def print_sweep(found: SweptConclusions, console: Console, metric: str | None = None) -> None:
    """Print everything on a terminal, a pipe or a file. `metric` is shown in full, None: the main one of each task."""
    for part in sweep_view(found, metric=metric, glyphs=glyphs_for(console.encoding), width=console.width):
        console.print(part)


def sweep_view(
    found: SweptConclusions,
    *,
    metric: str | None = None,
    glyphs: Glyphs = UNICODE,
    width: int = 80,
    plots: bool = True,
) -> Iterator[RenderableType]:
    """Yield the tables, plots and sentences, to be printed by rich in `width` columns."""
    from rich.text import Text

    yield Text(printable(_plain(model_words(found.sweep), glyphs)), style="bold")
    for task, of_metrics in found.tasks:
        main = shown_metric(of_metrics, metric)
        is_share = shares(task.metrics[of_metrics.index(main)])
        yield Text("")
        yield Text(printable(_plain(task_words(task, main), glyphs)), style="bold")
        yield conclusion_table(task, main, is_share=is_share, glyphs=glyphs, width=width)
        if plots:
            yield Text("")
            yield from curve_lines(main, min(width, WIDEST_PLOT), is_share=is_share, glyphs=glyphs)
        yield Text("")
        yield from (Text(printable(line)) for line in sentences(main, is_share=is_share, glyphs=glyphs))
        yield from (Text(printable(line), style="dim") for line in _others(task, of_metrics, main))
    yield Text("")
    yield Text(cost_sentence(found.sweep), style="bold")
    yield from (Text(f"! {printable(note)}", style="yellow") for note in found.sweep.notes)
    yield Text(_plain(legend(found), glyphs), style="dim")


def conclusion_table(
    task: SweptTask, found: Conclusion, *, is_share: bool, glyphs: Glyphs = UNICODE, width: int = WIDE
) -> Table:
    """Return a table with a line a threshold, both models alone first and last."""
    from rich import box
    from rich.table import Table

    counted, simulated = fitting(task, found, width)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2 if width >= WIDE else 1, 0, 0))
    random_heading = ("at random",) if simulated else ()
    for heading in ("threshold", *(WORK[each] for each in counted), "score", *random_heading, "vs large, paired", ""):
        left = heading in ("threshold", "vs large, paired", "")
        table.add_column(
            heading if left else heading.replace(" ", "\n"), justify="left" if left else "right", no_wrap=True
        )
    rows = [(found.small, "small"), *((place, "") for place in by_work(found)), (found.large, "large")]
    for place, alone in rows:
        difference = ""
        if alone != "large":
            paired = place.difference
            difference = difference_words(paired.value, paired.interval, is_share=is_share, glyphs=glyphs)
        random = "" if alone else number_words(at_random(task, place), is_share=is_share)
        cells = texts(
            threshold_words(place, alone),
            *(percent(place.work[each].value) for each in counted),
            score_words(place.score, is_share=is_share, glyphs=glyphs),
            *((random,) if simulated else ()),
            difference,
            verdict_words(place, found.margin, higher_is_better=found.higher_is_better, glyphs=glyphs),
        )
        table.add_row(*cells, style="bold" if is_recommended(place, found) else "")
    return table


def by_work(found: Conclusion) -> Sequence[Place]:
    """Return the places from the least of the large model's work on."""
    return sorted(found.places, key=lambda place: place.work[found.measure].value or 0.0)


def is_recommended(place: Place, found: Conclusion) -> bool:
    """Whether a place is the recommended one."""
    recommended = found.recommended
    if recommended.place is None:
        return place == {"small": found.small, "large": found.large}.get(recommended.alone)
    return place == found.places[recommended.place]


def fitting(task: SweptTask, found: Conclusion, width: int) -> tuple[tuple[Measure, ...], bool]:
    """Return which measures of the large model's work have room in so many columns, and whether the scores at random
    have: first that of the curve, then FLOPs or what comes nearest to them."""
    known = any(at_random(task, place) is not None for place in found.places)
    reads: Measure = "flops" if "flops" in task.measures else "positions"
    order = sorted(task.measures, key=lambda each: (each != found.measure, each != reads))
    least = min(2, len(order))
    room = width - _WORDS - (_RANDOM if known and width - _WORDS >= least * _MEASURE + _RANDOM else 0)
    kept = order[: max(room // _MEASURE, 1)]
    simulated = known and width - _WORDS - len(kept) * _MEASURE >= _RANDOM
    return tuple(each for each in task.measures if each in kept), simulated


def at_random(task: SweptTask, place: Place) -> float | None:
    """Return what routing at random gives for the same work: exactly the line where documents are deferred, simulated
    where tokens are; None where that was not simulated."""
    by_document = task.likelihoods == "by document" or set(task.measures) == {"documents"}
    return place.line if by_document else place.random


def legend(found: SweptConclusions) -> str:
    """Return what the columns mean."""
    measures_ = {each for task, _ in found.tasks for each in task.measures}
    work = "; ".join(f"{WORK[each]}: {OF_WORK[each]}" for each in OF_WORK if each in measures_)
    random = ""
    if any(at_random(task, place) is not None for task, several in found.tasks for place in several[0].places):
        random = " at random: the score where as much goes to the large model at random."
    return (
        f"{work}, by what it does alone.{random} "
        f"Intervals: 95 %, documents as units. Verdicts: {found.margin:g} points, one-sided, at 5 %, of each threshold "
        "by itself."
    )


def _others(task: SweptTask, of_metrics: Sequence[Conclusion], main: Conclusion) -> Iterator[str]:
    """Yield a line for each other metric of a task: both ends, and the threshold recommended by the main one."""
    for metric, found in zip(task.metrics, of_metrics, strict=True):
        if found is main:
            continue
        is_share = shares(metric)
        parts = [
            f"small {number_words(found.small.score.value, is_share=is_share)}",
            f"large {number_words(found.large.score.value, is_share=is_share)}",
        ]
        if main.recommended.place is not None:
            there = found.places[main.recommended.place].score.value
            parts.insert(1, f"at the threshold above {number_words(there, is_share=is_share)}")
        yield f"{one_line(metric_name(found.metric, found.filter, 1), 60)}: {', '.join(parts)}"


def _plain(text: str, glyphs: Glyphs) -> str:
    return text if glyphs is UNICODE else text.replace(UNICODE.dot, glyphs.dot)
