"""Draws scores over training steps as an SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator

from benchtui.compare.leaderboard.steps import Curve, Point
from benchtui.reports.leaderboard.drawing import Drawing, Kind, Mark
from benchtui.reports.wording.numbers import score_words
from benchtui.text import one_line


def curve_drawing(curve: Curve, title: str) -> Drawing:
    """Return a curve with its intervals, the base as a line, the best step and the drops that are shown."""
    marks = dict(_marks(curve))
    name = f"base {one_line(curve.base_name, 40)}".rstrip()
    return Drawing(
        title,
        f"training {curve.series.unit}, with 95 % CI; diamond: best; triangle: worse than the best before it",
        tuple(marks.values()),
        tuple(mark for place, mark in marks.items() if not curve.points[place].apart),
        lambda step: f"{step:g}",
        curve.column.is_share,
        (curve.base, name) if curve.base is not None and math.isfinite(curve.base) else None,
    )


def _marks(curve: Curve) -> Iterator[tuple[int, Mark]]:
    for place, point in enumerate(curve.points):
        value, interval = point.cell.value, point.cell.interval
        if value is None or not math.isfinite(value):
            continue
        said = f"{curve.series.unit} {point.step:g}: {score_words(value, is_share=curve.column.is_share)}"
        ends = (interval.low, interval.high) if interval is not None else (None, None)
        yield place, Mark(point.step, value, said, _kind(curve, place, point), *ends)


def _kind(curve: Curve, place: int, point: Point) -> Kind:
    if point.apart:
        return "apart"
    if point.is_drop():
        return "drop"
    return "best" if place == curve.best else "plain"
