"""Draws differences with their intervals as an SVG: one line a benchmark, zero in the middle, better to the right."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from html import escape

from benchtui.compare.records import Comparison, Row
from benchtui.compare.wording import points
from benchtui.reports.tables import shown_rows
from benchtui.reports.wording.scores import label
from benchtui.reports.wording.verdicts import verdict_cell
from benchtui.text import one_line

_WIDTH, _LINE, _TOP, _GAP = 860, 26, 12, 24
_STEPS = (0.5, 1, 2, 5, 10, 20, 50, 100)

_MOST_OF_NAME = 320
"""Greatest width for names; the plot needs the rest."""

_FONT_SIZE = 13
_NARROW = frozenset("fijlrtI .,:;'|!()[]-/")


@dataclass(frozen=True)
class _Scale:
    """The plot extends from -`limit` at `left` to `limit` at `right`."""

    limit: float
    left: float
    right: float

    def x(self, value: float) -> float:
        return round(self.left + self.length(value + self.limit), 1)

    def length(self, value: float) -> float:
        return round((self.right - self.left) * value / (2 * self.limit), 1)


@dataclass(frozen=True)
class _Mark:
    """A difference in points of improvement: positive is better, whatever the metric's direction."""

    name: str
    value: float
    low: float
    high: float
    tone: str
    said: str


def differences_chart(comparison: Comparison) -> str:
    """Return the chart's SVG, "" where there is nothing to draw. Metrics that are no shares are left out: they have
    another scale."""
    marks = [mark for row in shown_rows(comparison) if (mark := _mark(row, comparison)) is not None]
    if not marks:
        return ""
    reach = max(abs(end) for mark in marks for end in (mark.low, mark.high, mark.value))
    step = next((step for step in _STEPS if reach <= 4 * step), _STEPS[-1])
    limit = step * max(1, -(-reach // step))
    left = max(_text_width(mark.name) for mark in marks) + _GAP
    right = _WIDTH - max(_text_width(mark.said) for mark in marks) - _GAP
    scale = _Scale(limit, left, right)
    height = _TOP + _LINE * len(marks) + 34
    described = "; ".join(f"{m.name} {points(m.value / 100)}" for m in marks)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(described)}">'
        f"{_axis(scale, step, height)}{''.join(_line(mark, i, scale) for i, mark in enumerate(marks))}</svg>"
    )


def _mark(row: Row, comparison: Comparison) -> _Mark | None:
    interval = row.interval
    if not row.is_share or interval is None:
        return None
    sign = 100 if row.higher_is_better else -100
    ends = sorted((interval.low * sign, interval.high * sign))
    value = row.change * sign
    tone = "nothing" if ends[0] <= 0 <= ends[1] else "gain" if value > 0 else "loss"
    if row.verdict is not None and not (row.verdict.kind.is_gain or row.verdict.kind.is_loss):
        tone = "nothing"  # after correction for several tests, what one interval shows may no longer hold
    indent = "" if row.level == "headline" else "\u2003"
    name = _shortened(indent + one_line(label(row, comparison)))
    said = f"{points(value / 100)} {verdict_cell(row).partition(' ')[2]}".rstrip()
    return _Mark(name, value, ends[0], ends[1], tone, said)


def _text_width(text: str) -> float:
    """Return the width of a text in the widest of the fonts that browsers use."""
    return _FONT_SIZE * sum(_character_width(character) for character in text)


def _character_width(character: str) -> float:
    """Return a character's width in parts of the font size."""
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF":
        return 1.3
    if character in _NARROW:
        return 0.42
    if character in "mwMW" or not character.isascii():
        return 1.0
    return 0.65 if character.islower() or character.isdigit() or character == "_" else 0.85


def _shortened(name: str) -> str:
    if _text_width(name) <= _MOST_OF_NAME:
        return name
    while _text_width(f"{name}…") > _MOST_OF_NAME:
        name = name[:-1]
    return f"{name.rstrip()}…"


def _axis(scale: _Scale, step: float, height: int) -> str:
    bottom = height - 26
    parts = []
    count = round(scale.limit / step)
    for tick in range(-count, count + 1):
        at, x = tick * step, scale.x(tick * step)
        kind = "zero" if tick == 0 else "axis"
        parts.append(f'<line class="{kind}" x1="{x}" y1="4" x2="{x}" y2="{bottom}"/>')
        parts.append(f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{_tick(at)}</text>')
    return "".join(parts)


def _tick(value: float) -> str:
    return f"{value:+g}".replace("-", "−") if value else "0"


def _line(mark: _Mark, number: int, scale: _Scale) -> str:
    y = _TOP + _LINE * number + _LINE // 2
    at = scale.x(mark.value)  # both ends from here: what is symmetric is drawn so
    low, high = (round(at + scale.length(end - mark.value), 1) for end in (mark.low, mark.high))
    return (
        f'<text x="0" y="{y + 4}">{escape(mark.name)}</text>'
        f'<g class="{mark.tone}"><line x1="{low}" y1="{y}" x2="{high}" y2="{y}" stroke-width="3"/>'
        f'<circle cx="{at}" cy="{y}" r="5"/></g>'
        f'<text x="{scale.right + _GAP / 2:g}" y="{y + 4}" class="{mark.tone}">{escape(mark.said)}</text>'
    )
