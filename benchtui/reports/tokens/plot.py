"""Draws a curve over models: in a terminal, a line a model with its interval; as an SVG, the models side by side."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from benchtui.reports.tokens.curves import Curve, Point
from benchtui.reports.wording.glyphs import UNICODE, Glyphs
from benchtui.reports.wording.tokens import number
from benchtui.text import printable

if TYPE_CHECKING:
    from rich.text import Text

NARROWEST = 12
"""Columns of the plot itself."""


def curve_lines(curve: Curve, width: int, glyphs: Glyphs = UNICODE) -> Iterator[Text]:
    """Yield the lines of a plot of at most `width` columns: title, a line a model, and the scale."""
    from rich.cells import cell_len, set_cell_size
    from rich.text import Text

    said = [_said(point, glyphs) for point in curve.points]
    names = min(max(cell_len(point.label) for point in curve.points), max(width // 4, 4))
    room = width - names - max(map(len, said)) - 3
    if room < NARROWEST:
        said, room = [number(point.value, glyphs) for point in curve.points], width - names - 10
    room = max(room, NARROWEST)
    low, high = curve.reach
    yield Text(printable(curve.title, width), style="bold")
    for point, words in zip(curve.points, said, strict=True):
        yield Text(f"{set_cell_size(point.label, names)} {_bar(point, low, high, room, glyphs)}  {words}".rstrip())
    ends = number(low, glyphs), number(high, glyphs)
    yield Text(f"{'':{names}} {ends[0]}{ends[1].rjust(max(room - len(ends[0]), 1 + len(ends[1])))}", style="dim")


def _bar(point: Point, low: float, high: float, room: int, glyphs: Glyphs) -> str:
    line = [" "] * room

    def column(value: float) -> int:
        return min(max(round((value - low) / (high - low) * (room - 1)), 0), room - 1)

    if point.low is not None and point.high is not None:
        begin, end = column(point.low), column(point.high)
        line[begin : end + 1] = glyphs.rest * (end - begin + 1)
        line[begin], line[end] = ("├", "┤") if glyphs is UNICODE else ("[", "]")
    line[column(point.value)] = "●" if glyphs is UNICODE else "o"
    return "".join(line)


def _said(point: Point, glyphs: Glyphs) -> str:
    if point.low is None or point.high is None:
        return number(point.value, glyphs)
    return f"{number(point.value, glyphs)} ({number(point.low, glyphs)} to {number(point.high, glyphs)})"


_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 860, 240, 64, 16, 30, 44
_MOST_NAMES = 12


def curve_svg(curve: Curve) -> str:
    """Return the curve as one SVG: a dot and an interval a model, from left to right, joined by a line. Its colours are
    those of the text around it."""
    low, high = curve.reach
    count = len(curve.points)
    step = (_WIDTH - _LEFT - _RIGHT) / count

    def x(place: int) -> float:
        return round(_LEFT + step * (place + 0.5), 1)

    def y(value: float) -> float:
        return round(_TOP + (_HEIGHT - _TOP - _BOTTOM) * (high - value) / (high - low), 1)

    parts = [f'<text x="4" y="16">{escape(printable(curve.title, 100))}</text>']
    for value in (low, (low + high) / 2, high):
        parts.append(f'<line class="axis" x1="{_LEFT}" y1="{y(value)}" x2="{_WIDTH - _RIGHT}" y2="{y(value)}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y(value) + 4}" text-anchor="end">{number(value)}</text>')
    joined = " ".join(f"{x(place)},{y(point.value)}" for place, point in enumerate(curve.points))
    parts.append(f'<polyline class="curve" points="{joined}" fill="none" stroke="currentColor"/>')
    every = -(-count // _MOST_NAMES)
    for place, point in enumerate(curve.points):
        if point.low is not None and point.high is not None:
            ends = f'y1="{y(point.low)}" y2="{y(point.high)}"'
            parts.append(f'<line x1="{x(place)}" x2="{x(place)}" {ends} stroke="currentColor"/>')
        told = f"<title>{escape(printable(f'{point.label}: {_said(point, UNICODE)}'))}</title>"
        dot = f'cx="{x(place)}" cy="{y(point.value)}" r="4" fill="currentColor"'
        parts.append(f"<circle {dot}>{told}</circle>")
        if place % every == 0:
            name = escape(printable(point.label, max(int(step * every / 7), 3)))
            parts.append(f'<text x="{x(place)}" y="{_HEIGHT - 22}" text-anchor="middle">{name}</text>')
    described = escape(printable(f"{curve.title}: {'; '.join(f'{p.label} {_said(p, UNICODE)}' for p in curve.points)}"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{described}">{"".join(parts)}</svg>'
    )
