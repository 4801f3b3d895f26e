"""Bars say what the numbers say."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from benchtui.reports.chart import _line, _Mark, _Scale
from screens.widgets.drawing import interval_bar

VALUES = st.floats(-1, 1)
HALF_WIDTHS = st.floats(0, 1)


def drawn(low: float, value: float, high: float, width: int) -> tuple[str, int, int, int, int]:
    """The bar, and the places of its first cell, its value, its last cell and the middle of the axis."""
    scale = max(abs(low), abs(high), 0.05)
    text = interval_bar(low, value, high, scale, width, style="bold", rest="dim")
    (span,) = text.spans
    return text.plain, span.start, text.plain.index("●"), span.end - 1, (width - 1) // 2


@given(VALUES, HALF_WIDTHS, st.integers(3, 60))
@example(0.1, 0.1 + 1e-16, 11)
@example(0.3, 0.3, 10)
@example(-0.05, 0.05, 8)
def test_a_symmetric_interval_is_drawn_symmetric(value: float, half: float, width: int) -> None:
    bar, first, at, last, middle = drawn(value - half, value, value + half, width)
    assert len(bar) == width
    inside = first > 0 and last < 2 * middle
    assert at - first == last - at or not inside, bar
    mirrored = drawn(-value - half, -value, -value + half, width)
    assert mirrored[0][: 2 * middle + 1] == bar[: 2 * middle + 1][::-1], "a loss looks like a gain of the same size"


@given(st.tuples(VALUES, VALUES, VALUES).map(sorted), st.integers(3, 61))
def test_a_bar_covers_the_middle_exactly_when_its_interval_covers_zero(ends: list[float], width: int) -> None:
    low, value, high = ends
    _, first, at, last, middle = drawn(low, value, high, width)
    assert first <= at <= last
    assert (first <= middle <= last) == (low <= 0 <= high)


@given(VALUES, HALF_WIDTHS, st.floats(100, 400))
def test_the_charts_interval_is_symmetric_too(value: float, half: float, left: float) -> None:
    limit = abs(value) + half + 0.01
    svg = _line(_Mark("name", value, value - half, value + half, "gain", ""), 0, _Scale(limit, left, 700.0))
    first, last, at = (float(svg.split(f'{name}="')[1].split('"')[0]) for name in ("x1", "x2", "cx"))
    assert abs((at - first) - (last - at)) < 0.051, "no more than a twentieth of a pixel"
