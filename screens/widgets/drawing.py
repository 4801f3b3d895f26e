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
    """An interval around a change on an axis from -`scale` to +`scale` with zero in the middle: "──┼─├━●━┤─"."""
    cells, middle = ["─"] * width, width // 2

    def place(at: float) -> int:
        share = min(max(at / scale, -1.0), 1.0) if scale else 0.0
        return min(max(middle + round(share * middle), 0), width - 1)

    cells[middle] = "┼"
    first, last = place(low), place(high)
    for cell in range(first, last + 1):
        cells[cell] = "━" if cell != middle else "╋"
    cells[place(value)] = "●"
    text = Text("".join(cells), style=rest)
    text.stylize(style, first, last + 1)
    return text
