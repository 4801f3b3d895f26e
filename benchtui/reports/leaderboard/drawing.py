"""Draws scores over a number (a step, a cost) as an SVG: in a page, or as a file of its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Literal

from benchtui.reports.hybrid.style import CURVE, OWN_COLOURS
from benchtui.reports.readme.published import published
from benchtui.reports.wording.numbers import score_words
from benchtui.text import printable

_WIDTH, _HEIGHT = 860, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 68, 28, 44, 58
_TICKS = 5
_CHARACTER = 7.2
"""Pixels, about: names longer than the plot is wide are cut."""

Kind = Literal["plain", "best", "drop", "apart"]


@dataclass(frozen=True)
class Mark:
    """A score at a place, with its interval where one is known. `label` is drawn beside it, `said` where it is pointed
    at."""

    x: float
    y: float
    said: str
    kind: Kind = "plain"
    low: float | None = None
    high: float | None = None
    label: str = ""


@dataclass(frozen=True)
class Drawing:
    """`joined` are the marks that one line goes through; `stairs` draws that line level up to the next mark: what can
    be had for a cost. `level` is a score with its name, drawn as a line over the whole width."""

    title: str
    x_title: str
    marks: tuple[Mark, ...]
    joined: tuple[Mark, ...]
    x_words: Callable[[float], str]
    is_share: bool
    level: tuple[float, str] | None = None
    stairs: bool = False
    logarithmic: bool = False


@dataclass(frozen=True)
class _Scale:
    left: float
    right: float
    low: float
    high: float
    logarithmic: bool

    def x(self, value: float) -> float:
        left, right, at = (math.log(each) if self.logarithmic else each for each in (self.left, self.right, value))
        return round(_LEFT + 14 + (_WIDTH - _LEFT - _RIGHT - 28) * (at - left) / (right - left), 1)

    def y(self, value: float) -> float:
        return round(_TOP + (_HEIGHT - _TOP - _BOTTOM) * (self.high - value) / (self.high - self.low), 1)


def drawing_svg(drawing: Drawing, *, alone: bool = False) -> str:
    """Return the drawing, "" where there is nothing to draw; `alone` as a file with its own colours."""
    if not drawing.marks:
        return ""
    scale = _scale(drawing)
    said = "; ".join(mark.said for mark in drawing.marks)
    described = escape(published(printable(f"{drawing.title}. {said}", 4_000)))
    parts = [
        _words(4, 20, drawing.title, "title"),
        *_grid(drawing, scale),
        _words(_LEFT, _HEIGHT - 10, drawing.x_title, "quiet"),
        *_level(drawing, scale),
        _line(drawing, scale),
        *(_mark(mark, scale) for mark in drawing.marks),
    ]
    space = ' xmlns="http://www.w3.org/2000/svg"' if alone else ""
    own = f'<style>{CURVE}\n{OWN_COLOURS}</style><rect class="ground" width="100%" height="100%"/>' if alone else ""
    return (
        f'<svg{space} class="curve" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{described}">'
        f"{own}{''.join(parts)}</svg>"
    )


def stacked_svg(drawings: tuple[Drawing, ...]) -> str:
    """Return all drawings below each other as one SVG file."""
    found = [svg for drawing in drawings if (svg := drawing_svg(drawing))]
    places = (
        svg.replace("<svg ", f'<svg y="{number * _HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" ', 1)
        for number, svg in enumerate(found)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT * max(len(found), 1)}">'
        f'<style>{CURVE}\n{OWN_COLOURS}</style><rect class="ground" width="100%" height="100%"/>'
        f"{''.join(places)}</svg>\n"
    )


def _scale(drawing: Drawing) -> _Scale:
    ys = [y for mark in drawing.marks for y in (mark.y, mark.low, mark.high) if y is not None]
    if drawing.level is not None:
        ys.append(drawing.level[0])
    left, right = _apart(min(mark.x for mark in drawing.marks), max(mark.x for mark in drawing.marks))
    low, high = _apart(min(ys), max(ys))
    edge = 0.05 * (high - low)
    return _Scale(left, right, low - edge, high + edge, drawing.logarithmic and left > 0)


def _apart(low: float, high: float) -> tuple[float, float]:
    return (low, high) if high > low else (low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1))


def _words(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    shown = escape(published(printable(text, int((_WIDTH - 8) / _CHARACTER))))
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{shown}</text>'


def _grid(drawing: Drawing, scale: _Scale) -> Iterator[str]:
    step = _round_step((scale.high - scale.low) / _TICKS)
    tick = math.ceil(scale.low / step) * step
    while tick <= scale.high:
        y = scale.y(tick)
        said = score_words(tick, is_share=drawing.is_share, digits=0 if step >= 0.01 else 1)
        yield f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>'
        yield _words(_LEFT - 8, y + 4, said, "", "end")
        tick += step
    bottom, last = _HEIGHT - _BOTTOM, -math.inf
    for value in sorted({mark.x for mark in drawing.marks}):
        x, said = scale.x(value), drawing.x_words(value)
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="{bottom}" y2="{bottom + 5}"/>'
        if x - last > _CHARACTER * (len(said) + 1):
            yield _words(x, bottom + 20, said, "", "middle")
            last = x


def _round_step(least: float) -> float:
    """Return the least of 1, 2, 5, 10 … (times a power of ten) that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(each * power for each in (1, 2, 5, 10) if each * power >= least * (1 - 1e-9))


def _level(drawing: Drawing, scale: _Scale) -> Iterator[str]:
    if drawing.level is None:
        return
    value, name = drawing.level
    y = scale.y(value)
    yield f'<polyline class="of-line" points="{_LEFT},{y} {_WIDTH - _RIGHT},{y}"/>'
    yield _words(_WIDTH - _RIGHT, y - 5, name, "quiet", "end")


def _line(drawing: Drawing, scale: _Scale) -> str:
    points: list[str] = []
    for number, mark in enumerate(drawing.joined):
        if drawing.stairs and number:
            points.append(f"{scale.x(mark.x)},{scale.y(drawing.joined[number - 1].y)}")
        points.append(f"{scale.x(mark.x)},{scale.y(mark.y)}")
    return f'<polyline class="of-curve" points="{" ".join(points)}"/>' if len(points) > 1 else ""


def _mark(mark: Mark, scale: _Scale) -> str:
    """Return a mark with its interval: a diamond for the best one, a triangle for a drop, a ring for one apart."""
    x, y = scale.x(mark.x), scale.y(mark.y)
    bar = ""
    if mark.low is not None and mark.high is not None:
        bar = f'<line class="bar" x1="{x}" x2="{x}" y1="{scale.y(mark.low)}" y2="{scale.y(mark.high)}"/>'
    said = escape(published(printable(mark.said, 200)))
    anchor, at = ("start", x + 10) if x < _WIDTH / 2 else ("end", x - 10)
    label = _words(at, y + 16, mark.label, "quiet", anchor) if mark.label else ""
    shapes = {
        "plain": f'<circle class="mark" cx="{x}" cy="{y}" r="4"/>',
        "best": f'<path class="mark" d="M{x:.1f} {y - 9:.1f}l8 9l-8 9l-8 -9z"/>',
        "drop": f'<path class="mark" d="M{x - 7:.1f} {y - 5:.1f}h14l-7 12z"/>',
        "apart": f'<circle class="mark" cx="{x}" cy="{y}" r="4" fill="none"/>',
    }
    tip = f'<g class="tip"><text x="{at}" y="{y - 12}" text-anchor="{anchor}">{said}</text></g>'
    return (
        f'<g class="point {mark.kind}" tabindex="0"><title>{said}</title>{bar}{shapes[mark.kind]}'
        f'<circle cx="{x}" cy="{y}" r="14" fill="transparent" stroke="none"/>{label}{tip}</g>'
    )
