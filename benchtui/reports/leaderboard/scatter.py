"""Draws scores over a cost in a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator

from benchtui.compare.leaderboard.pareto import Front
from benchtui.reports.leaderboard.pareto import TITLES, cost_words
from benchtui.reports.wording.glyphs import UNICODE, Glyphs
from benchtui.reports.wording.numbers import score_words

ROWS = 9
"""Lines of the plot itself."""
_LEFT = 8


def scatter_lines(front: Front, width: int, chosen: int | None = None, glyphs: Glyphs = UNICODE) -> Iterator[str]:
    """Yield the lines of a plot of at most `width` columns: ◆ is not dominated, • is, ● is the `chosen` candidate."""
    room = max(width - _LEFT - 1, 20)
    logarithmic = front.axis in ("size", "memory") and all(spot.cost > 0 for spot in front.spots)
    costs = [math.log(spot.cost) if logarithmic else spot.cost for spot in front.spots]
    scores = [spot.score for spot in front.spots]
    canvas = [[" "] * room for _ in range(ROWS)]
    low, high = min(scores), max(scores)
    signs = ("◆", "•", "●") if glyphs is UNICODE else ("#", "o", "@")
    drawn = sorted(
        zip(front.spots, costs, strict=True),
        key=lambda each: (each[0].candidate == chosen, each[0].dominated_by is None),
    )
    for spot, cost in drawn:
        row = round(_part(high, low, spot.score) * (ROWS - 1))
        kind = 2 if spot.candidate == chosen else int(spot.dominated_by is not None)
        canvas[row][round(_part(min(costs), max(costs), cost) * (room - 1))] = signs[kind]
    edge, mark = ("│", "┤") if glyphs is UNICODE else ("|", "|")
    for number, cells in enumerate(canvas):
        at = high - number / (ROWS - 1) * (high - low)
        told = number in (0, ROWS // 2, ROWS - 1)
        label = score_words(at, is_share=front.column.is_share, digits=1) if told else ""
        yield f"{label:>{_LEFT - 1}}{mark if told else edge}{''.join(cells)}".rstrip()
    ends = [
        cost_words(value, front.axis) for value in (min(s.cost for s in front.spots), max(s.cost for s in front.spots))
    ]
    middle = f"{TITLES[front.axis]} ({signs[0]} not dominated, {signs[1]} dominated, {signs[2]} this one)"
    yield f"{'':{_LEFT}}{ends[0]}{middle:^{max(room - len(ends[0]) - len(ends[1]), 0)}}{ends[1]}"


def _part(low: float, high: float, value: float) -> float:
    """Return how far `value` is on the way from `low` to `high`, 0..1; the middle where these are equal."""
    return 0.5 if high == low else (value - low) / (high - low)
