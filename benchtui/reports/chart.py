"""Differences with their intervals as an SVG: one line a benchmark, zero in the middle, better to the right."""

from __future__ import annotations

from html import escape

import msgspec

from benchtui.compare.records import Comparison, Row
from benchtui.compare.verdicts import points
from benchtui.reports.tables import shown_rows
from benchtui.reports.words import label, verdict_cell
from benchtui.text import one_line

_WIDTH, _LEFT, _RIGHT, _LINE, _TOP = 860, 250, 130, 26, 12
_STEPS = (0.5, 1, 2, 5, 10, 20, 50, 100)


class _Mark(msgspec.Struct, frozen=True):
    """A difference in points of improvement: positive is better, whatever the metric's direction."""

    name: str
    value: float
    low: float
    high: float
    tone: str
    word: str


def differences_chart(comparison: Comparison) -> str:
    """The chart's SVG, "" where there is nothing to draw. Metrics that are no shares have no place on its scale."""
    marks = [mark for row in shown_rows(comparison) if (mark := _mark(row, comparison)) is not None]
    if not marks:
        return ""
    reach = max(abs(end) for mark in marks for end in (mark.low, mark.high, mark.value))
    step = next((step for step in _STEPS if reach <= 4 * step), _STEPS[-1])
    limit = step * max(1, -(-reach // step))
    height = _TOP + _LINE * len(marks) + 34
    described = "; ".join(f"{m.name} {points(m.value / 100)}" for m in marks)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(described)}">'
        f"{_axis(limit, step, height)}{''.join(_line(mark, i, limit) for i, mark in enumerate(marks))}</svg>"
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
        tone = "nothing"  # the correction for several tests may take back what one interval shows
    indent = "" if row.level == "headline" else "\u2003"
    return _Mark(indent + one_line(label(row, comparison), 34), value, ends[0], ends[1], tone, verdict_cell(row))


def _x(value: float, limit: float) -> float:
    return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * (value + limit) / (2 * limit), 1)


def _axis(limit: float, step: float, height: int) -> str:
    bottom = height - 26
    parts = []
    count = round(limit / step)
    for tick in range(-count, count + 1):
        at, x = tick * step, _x(tick * step, limit)
        kind = "zero" if tick == 0 else "axis"
        parts.append(f'<line class="{kind}" x1="{x}" y1="4" x2="{x}" y2="{bottom}"/>')
        parts.append(f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{_tick(at)}</text>')
    return "".join(parts)


def _tick(value: float) -> str:
    return f"{value:+g}".replace("-", "−") if value else "0"


def _line(mark: _Mark, number: int, limit: float) -> str:
    y = _TOP + _LINE * number + _LINE // 2
    low, high, at = (_x(value, limit) for value in (mark.low, mark.high, mark.value))
    return (
        f'<text x="0" y="{y + 4}">{escape(mark.name)}</text>'
        f'<g class="{mark.tone}"><line x1="{low}" y1="{y}" x2="{high}" y2="{y}" stroke-width="3"/>'
        f'<circle cx="{at}" cy="{y}" r="5"/></g>'
        f'<text x="{_WIDTH - _RIGHT + 10}" y="{y + 4}" class="{mark.tone}">{escape(points(mark.value / 100))} '
        f"{escape(_word(mark.word))}</text>"
    )


def _word(word: str) -> str:
    return word.split(" ", 1)[1] if " " in word else ""
