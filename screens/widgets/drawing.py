"""Bars, graphs and intervals as text."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

BLOCKS = "▁▂▃▄▅▆▇█"


def bar(share: float, width: int, *, done: str, rest: str, over: bool = False) -> Text:
    """A progress bar of `width` cells; full only when it is `over`."""
    steps = 2 * width
    reached = steps if over else min(max(round(share * steps), 1), steps - 1) if share > 0 else 0
    full, half = divmod(reached, 2)
    return Text.assemble(("━" * full + "╸" * half, done), ("─" * (width - full - half), rest))


def graph(shares: Sequence[float], width: int, style: str) -> Text:
    """The newest `width` values, each 0..1, as a line of blocks; the newest at the right."""
    shown = list(shares)[-width:]
    blocks = "".join(BLOCKS[min(int(max(value, 0.0) * len(BLOCKS)), len(BLOCKS) - 1)] for value in shown)
    return Text(" " * (width - len(blocks)) + blocks, style=style)


def trend(values: Sequence[float], style: str) -> Text:
    """A line of blocks from the lowest to the highest of `values`."""
    if not values:
        return Text("")
    low, high = min(values), max(values)
    span = high - low
    places = [0.5 if not span else (value - low) / span for value in values]
    return Text("".join(BLOCKS[min(int(place * len(BLOCKS)), len(BLOCKS) - 1)] for place in places), style=style)


def interval_bar(low: float, value: float, high: float, scale: float, width: int, *, style: str, rest: str) -> Text:
    """An interval around a change on an axis from -`scale` to +`scale` with zero in the middle: "──┼─├━●━┤─".

    An interval as wide to the left as to the right of its value is drawn so, and covers the middle exactly when it
    covers zero. An even `width` leaves its last cell empty, since an axis with a middle has an odd number of cells.
    """
    middle = (width - 1) // 2
    last_cell = 2 * middle

    def steps(size: float) -> int:
        return round(round(size / scale * middle, 6)) if scale else 0  # two ends that differ by an ulp are one length

    at, left, right = steps(value), steps(max(value - low, 0.0)), steps(max(high - value, 0.0))
    if low > 0 and at - left <= 0:
        at, left, right = _away_from_zero(at, left, right)
    elif high < 0 and at + right >= 0:
        at, right, left = _away_from_zero(-at, right, left)
        at = -at
    first, last = (min(max(middle + end, 0), last_cell) for end in (at - left, at + right))
    cells = ["─"] * (last_cell + 1) + [" "] * (width - last_cell - 1)
    cells[middle] = "┼"
    for cell in range(first, last + 1):
        cells[cell] = "━" if cell != middle else "╋"
    cells[min(max(middle + at, 0), last_cell)] = "●"
    text = Text("".join(cells), style=rest)
    text.stylize(style, first, last + 1)
    return text


def _away_from_zero(at: int, near: int, far: int) -> tuple[int, int, int]:
    """A bar that rounding has put onto zero, though its interval is above: shorter by one on both sides, or moved."""
    return (at, near - 1, max(far - 1, 0)) if near else (at + 1, near, far)
