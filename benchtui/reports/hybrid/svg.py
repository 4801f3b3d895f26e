"""Draws the curve of a sweep as an SVG: in a page, or as a file of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from benchtui.compare.hybrid.conclusions import SweptConclusions, shares, shown_metric
from benchtui.reports.hybrid.lines import NAMES, DrawnLine, DrawnPoint, drawn_lines, drawn_points, reach
from benchtui.reports.hybrid.style import CURVE, OWN_COLOURS
from benchtui.reports.readme.published import published
from benchtui.reports.wording.hybrid import OF_WORK, model_words, task_words
from benchtui.text import printable

if TYPE_CHECKING:
    from benchtui.routing.sweeps.conclude import Conclusion

_WIDTH, _HEIGHT = 860, 450
_LEFT, _RIGHT, _TOP, _BOTTOM = 68, 28, 58, 96
_TICKS = 5
_CHARACTER = 7.2
"""Pixels, about: names longer than the plot is wide are cut."""


@dataclass(frozen=True)
class _Scale:
    """Where a share of work (0..1) and a score from `low` to `high` lie."""

    low: float
    high: float

    def x(self, share: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * share, 1)

    def y(self, score: float) -> float:
        return round(_TOP + (_HEIGHT - _TOP - _BOTTOM) * (self.high - score) / (self.high - self.low), 1)


def curve_svg(found: Conclusion, title: str, about: str, *, is_share: bool, alone: bool = False) -> str:
    """Return the curve of one metric as an SVG under two lines of text; `alone` as a file with its own colours."""
    lines, points = drawn_lines(found), drawn_points(found, is_share=is_share)
    scale = _Scale(*reach(lines, points))
    described = escape(printable(f"{title}. {about}. {'; '.join(point.said for point in points)}", 4_000))
    parts = [
        _words(4, 20, title, "title"),
        _words(4, 40, about, "quiet"),
        *_grid(scale, is_share=is_share),
        _words(_LEFT, _HEIGHT - 52, f"{OF_WORK[found.measure]}, by what it does alone", "quiet"),
        *_key(lines, points),
        *(_polyline(line, scale) for line in lines),
        *(_point(point, scale) for point in points),
    ]
    space = ' xmlns="http://www.w3.org/2000/svg"' if alone else ""
    own = f'<style>{CURVE}\n{OWN_COLOURS}</style><rect class="ground" width="100%" height="100%"/>' if alone else ""
    return (
        f'<svg{space} class="curve" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{described}">'
        f"{own}{''.join(parts)}</svg>"
    )


def main_svg(swept: SweptConclusions, metric: str | None = None) -> str:
    """Return the curve of the first task as an SVG file: of its main metric, or of `metric`."""
    task, of_metrics = swept.tasks[0]
    found = shown_metric(of_metrics, metric)
    is_share = shares(task.metrics[of_metrics.index(found)])
    return curve_svg(
        found, task_words(task, found), published(model_words(swept.sweep, 40)), is_share=is_share, alone=True
    )


def _words(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    shown = escape(printable(text, int((_WIDTH - 8) / _CHARACTER)))
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{shown}</text>'


def _grid(scale: _Scale, *, is_share: bool) -> Iterator[str]:
    """Yield the lines of round scores, and the shares of work."""
    step = _round_step((scale.high - scale.low) / _TICKS)
    tick = math.ceil(scale.low / step) * step
    while tick <= scale.high:
        y = scale.y(tick)
        said = f"{100 * tick:.3g} %" if is_share else f"{tick:.3g}"
        yield f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>'
        yield _words(_LEFT - 8, y + 4, said, "", "end")
        tick += step
    bottom = _HEIGHT - _BOTTOM
    for percent in (0, 25, 50, 75, 100):
        x = scale.x(percent / 100)
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="{bottom}" y2="{bottom + 5}"/>'
        yield _words(x, bottom + 20, f"{percent} %", "", "middle")


def _round_step(least: float) -> float:
    """Return the least of 1, 2, 5, 10 … (times a power of ten) that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(each * power for each in (1, 2, 5, 10) if each * power >= least * (1 - 1e-9))


def _polyline(line: DrawnLine, scale: _Scale) -> str:
    joined = " ".join(f"{scale.x(x)},{scale.y(y)}" for x, y in zip(line.shares, line.scores, strict=True))
    return f'<polyline class="of-{line.name}" points="{joined}"/>'


def _point(point: DrawnPoint, scale: _Scale) -> str:
    """Return a point with its interval; what it is in words appears where it is pointed at."""
    x, y = scale.x(point.share), scale.y(point.score)
    bar = ""
    if point.low is not None and point.high is not None:
        bar = f'<line class="bar" x1="{x}" x2="{x}" y1="{scale.y(point.low)}" y2="{scale.y(point.high)}"/>'
    said = escape(printable(point.said, 200))
    anchor, at = ("start", x + 10) if point.share < 0.5 else ("end", x - 10)
    tip = f'<g class="tip"><text x="{at}" y="{y - 12}" text-anchor="{anchor}">{said}</text></g>'
    kind = "end" if point.kind in ("small", "large") else point.kind
    return (
        f'<g class="point {kind}" tabindex="0"><title>{said}</title>{bar}{_mark(point.kind, x, y)}'
        f'<circle cx="{x}" cy="{y}" r="14" fill="transparent" stroke="none"/>{tip}</g>'
    )


def _mark(kind: str, x: float, y: float) -> str:
    """Return the sign of a point: a square for a model alone, a diamond for the recommended one, else a dot."""
    if kind in ("small", "large"):
        return f'<rect class="mark" x="{x - 5:.1f}" y="{y - 5:.1f}" width="10" height="10"/>'
    if kind == "recommended":
        return f'<path class="mark" d="M{x:.1f} {y - 9:.1f}l8 9l-8 9l-8 -9z"/>'
    return f'<circle class="mark" cx="{x}" cy="{y}" r="4"/>'


def _key(lines: tuple[DrawnLine, ...], points: tuple[DrawnPoint, ...]) -> Iterator[str]:
    """Yield samples of the lines and signs, with their meaning."""
    x, y = float(_LEFT), _HEIGHT - 28
    for line in reversed(lines):
        name = NAMES[line.name]
        if x + 40 + len(name) * _CHARACTER > _WIDTH:
            x, y = float(_LEFT), y + 18
        yield f'<polyline class="of-{line.name}" points="{x:.0f},{y - 4} {x + 28:.0f},{y - 4}"/>'
        yield _words(round(x + 34, 1), y, name, "quiet")
        x += 52 + len(name) * _CHARACTER
    kinds = {point.kind for point in points}
    names = {"asked": "threshold", "recommended": "recommended", "small": "one model alone"}
    for kind, name in names.items():
        if kind not in kinds:
            continue
        if x + 24 + len(name) * _CHARACTER > _WIDTH:
            x, y = float(_LEFT), y + 18
        shown = "end" if kind == "small" else kind
        yield f'<g class="point {shown}">{_mark(kind, x + 6, y - 4)}</g>'
        yield _words(round(x + 18, 1), y, name, "quiet")
        x += 46 + len(name) * _CHARACTER
