"""Writes scores over training steps: a line a step with its interval, the base, the best so far and the drops."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from benchtui.compare.leaderboard.records import Candidate
from benchtui.compare.leaderboard.steps import Curve, Point
from benchtui.compare.wording import p_number
from benchtui.reports.leaderboard.cells import change_words, ends_words
from benchtui.reports.leaderboard.drawing import drawing_svg
from benchtui.reports.leaderboard.sheets import NAME, Sheet, Words
from benchtui.reports.leaderboard.steps_svg import curve_drawing
from benchtui.reports.wording.glyphs import UNICODE, Glyphs
from benchtui.reports.wording.numbers import score_words
from benchtui.text import one_line

PLOT = 32
"""Columns of the plot."""
NARROWEST, WIDEST = 12, 80
OTHERS = 50
"""Columns of a terminal that all but the plot take."""
STEP_COLUMNS = (
    "model",
    "folder",
    "backend",
    "quantization",
    "task",
    "metric",
    "unit",
    "step",
    "candidate",
    "value",
    "low",
    "high",
    "n",
    "total",
    "partial",
    "apart",
    "base",
    "best_so_far",
    "drop_from",
    "drop",
    "drop_low",
    "drop_high",
    "drop_p",
    "drop_p_holm",
    "tests",
    "is_drop",
    "first_drop",
)


def curve_sheet(curve: Curve, *, plot: int = PLOT, glyphs: Glyphs = UNICODE) -> Sheet:
    """Return one curve as a table; its plot takes `plot` columns, OTHERS are for the rest."""
    rows = []
    for place, point in enumerate(curve.points):
        drawn = Words(plotted(curve, point, plot, glyphs), "muted" if point.apart else None)
        rows.append(
            (Words(f"{point.step:g}"), drawn, Words(step_score(curve, point, glyphs)), told(curve, place, glyphs))
        )
    header = (curve.series.unit.capitalize(), "", "Score (95 % CI)", "Best before")
    sentences = tuple(curve_sentences(curve, glyphs))
    return Sheet(
        curve_title(curve),
        header,
        "rlll",
        tuple(rows),
        sentences,
        svg=drawing_svg(curve_drawing(curve, curve_title(curve))),
    )


def curve_title(curve: Curve) -> str:
    """Return what a curve is of: "my-model, IFEval"."""
    series = curve.series
    more = [part for part in (series.folder, series.backend, series.quantization) if part]
    name = one_line(series.model, NAME) + (f" ({one_line(', '.join(more), NAME)})" if more else "")
    return f"{name}, {one_line(curve.column.title, NAME)}"


def reach(curve: Curve) -> tuple[float, float]:
    """Return the least and the greatest number drawn, never equal."""
    values = [curve.base]
    for point in curve.points:
        values += [point.cell.value, *((i.low, i.high) if (i := point.cell.interval) is not None else ())]
    known = [value for value in values if value is not None and math.isfinite(value)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1))


def plotted(curve: Curve, point: Point, room: int, glyphs: Glyphs = UNICODE) -> str:
    """Return a line of the plot: the score, its interval, and the base as a column of its own."""
    low, high = reach(curve)
    line = [" "] * room

    def column(value: float) -> int:
        return min(max(round((value - low) / (high - low) * (room - 1)), 0), room - 1)

    interval, value = point.cell.interval, point.cell.value
    if interval is not None:
        begin, end = column(interval.low), column(interval.high)
        line[begin : end + 1] = glyphs.rest * (end - begin + 1)
        line[begin], line[end] = ("├", "┤") if glyphs is UNICODE else ("[", "]")
    if curve.base is not None:
        line[column(curve.base)] = _base_sign(glyphs)
    if value is not None and math.isfinite(value):
        line[column(value)] = _score_sign(point, glyphs)
    return "".join(line)


def _base_sign(glyphs: Glyphs) -> str:
    return "┊" if glyphs is UNICODE else ":"


def _score_sign(point: Point, glyphs: Glyphs) -> str:
    if point.is_drop():
        return glyphs.loss if glyphs is UNICODE else "v"
    return ("○" if point.apart else "●") if glyphs is UNICODE else "?" if point.apart else "o"


def step_score(curve: Curve, point: Point, glyphs: Glyphs = UNICODE) -> str:
    """Return a score with its interval: "58.2% (55.1 to 61.0)"."""
    cell = point.cell
    if cell.value is None:
        return ""
    said = score_words(cell.value, is_share=curve.column.is_share, digits=1)
    ends = ends_words(cell.interval, is_share=curve.column.is_share, glyphs=glyphs)
    return f"{said} ({ends})" if ends else said


def told(curve: Curve, place: int, glyphs: Glyphs = UNICODE) -> Words:
    """Return in words what a step is: the best so far, a drop that is shown or not, or no part of the comparison."""
    point = curve.points[place]
    if point.apart:
        return Words(f"{glyphs.odd} other way, n {point.cell.n:,}", "warning")
    if point.drop is None:
        if place == point.best:
            return Words(f"best{'' if place == curve.best else ' so far'}", "gain" if place == curve.best else None)
        return Words("equal", "muted")
    drop = point.drop
    before = curve.points[_best_before(curve, place)].step
    if drop.state == "pending":
        return Words(glyphs.more, "muted")
    change = drop.change(point.candidate)
    if change is None or drop.row is None:
        return Words(f"{glyphs.odd} not comparable", "warning")
    number = change_words(change, is_share=curve.column.is_share, glyphs=glyphs)
    p = f" p {p_number(drop.p)}" if drop.p is not None else ""
    if not point.is_drop():
        return Words(f"{before:g}: {number} {glyphs.nothing}{p}", "muted")
    return Words(f"{before:g}: {number} {glyphs.loss}{p}", "loss")


def _best_before(curve: Curve, place: int) -> int:
    before = curve.points[place].best
    assert before is not None  # noqa: S101 - a drop has a step before it
    return before


def curve_sentences(curve: Curve, glyphs: Glyphs = UNICODE) -> Iterator[str]:
    """Yield what follows from a curve, and how it was tested."""
    unit = curve.series.unit
    if curve.base is not None:
        base = score_words(curve.base, is_share=curve.column.is_share, digits=1)
        yield f"{_base_sign(glyphs)} base{f' {one_line(curve.base_name, NAME)}' if curve.base_name else ''}: {base}."
    if curve.best is not None:
        yield f"Best score: {unit} {curve.points[curve.best].step:g}. {_drop_words(curve)}"
    yield (
        f"Each lower score is compared with the best one before it ({glyphs.loss} worse: shown; {glyphs.nothing} not). "
        f"A drop is a {unit} shown to be worse than the best one before it: p is corrected (Holm) for all "
        f"{curve.tests:,} pairs of {unit}s of this model over all its tasks."
    )


def _drop_words(curve: Curve) -> str:
    unit, first = curve.series.unit, curve.first_drop
    if first is not None:
        return f"First drop that is shown: {unit} {curve.points[first].step:g}."
    if curve.pending:
        return f"{curve.pending} {unit}s are still to be compared."
    return "No drop is shown."


def step_records(curves: Sequence[Curve], candidates: Sequence[Candidate]) -> list[dict[str, Any]]:
    """Return one record a step and task; scores on lm-eval's own scale."""
    return [_record(curve, place, candidates) for curve in curves for place in range(len(curve.points))]


def _record(curve: Curve, place: int, candidates: Sequence[Candidate]) -> dict[str, Any]:
    point, series = curve.points[place], curve.series
    cell, drop = point.cell, point.drop
    interval = drop.interval(point.candidate) if drop is not None else None
    tested = drop.row.tested if drop is not None and drop.row is not None and drop.state == "compared" else None
    return {
        "model": series.model,
        "folder": series.folder,
        "backend": series.backend,
        "quantization": series.quantization,
        "task": curve.column.task,
        "metric": curve.column.metric,
        "unit": series.unit,
        "step": point.step,
        "candidate": candidates[point.candidate].name,
        "value": cell.value,
        "low": cell.interval.low if cell.interval else None,
        "high": cell.interval.high if cell.interval else None,
        "n": cell.n,
        "total": cell.total,
        "partial": cell.partial,
        "apart": point.apart,
        "base": curve.base,
        "best_so_far": place == point.best,
        "drop_from": candidates[curve.points[_best_before(curve, place)].candidate].name if drop is not None else None,
        "drop": drop.change(point.candidate) if drop is not None else None,
        "drop_low": interval.low if interval else None,
        "drop_high": interval.high if interval else None,
        "drop_p": tested.p if tested else None,
        "drop_p_holm": tested.p_holm if tested else None,
        "tests": curve.tests,
        "is_drop": point.is_drop(),
        "first_drop": place == curve.first_drop,
    }
