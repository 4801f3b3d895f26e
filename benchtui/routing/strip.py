"""Who wrote the parts of an answer, small enough for a line: a digit a cell, how much of it the large model wrote."""

from __future__ import annotations

from collections.abc import Sequence

from benchtui.routing.answers import Run

CELLS = 40
"""Most cells of a strip: in a shorter answer each token has its own."""
NONE, ALL = "0", "8"
"""Nothing in the cell is the large model's, or all; 1 to 7 are the eighths between."""
_DIGITS = frozenset("012345678")


def strip_of(runs: Sequence[Run], cells: int = CELLS) -> str:
    """Return the strip of an answer, in tokens from its begin, of `cells` digits at most."""
    known = [run for run in runs if run.tokens > 0]
    ends = _ends(sum(run.tokens for run in known), cells)
    large = [0] * len(ends)
    at = cell = 0
    for run in known:
        stop = at + run.tokens
        while at < stop:
            reached = min(stop, ends[cell][1])
            large[cell] += (reached - at) * (run.side == "b")
            at, cell = reached, cell + (reached == ends[cell][1])
    return "".join(_digit(part, b - a) for part, (a, b) in zip(large, ends, strict=True))


def strip_of_parts(parts: Sequence[tuple[int, int]], cells: int = CELLS) -> str:
    """Return a strip with a cell for each part (a choice of a question) or several; `parts` are tokens of the small
    and of the large model."""
    ends = _ends(len(parts), cells)
    sums = [(sum(small for small, _ in parts[a:b]), sum(large for _, large in parts[a:b])) for a, b in ends]
    return "".join(_digit(large, small + large) for small, large in sums if small + large)


def fitted(strip: str, cells: int) -> str:
    """Return a strip in `cells` digits at most; cells that become one are mixed unless all of them are of one
    model. Characters that are no digits of a strip are left out: it may come from a file."""
    known = [int(digit) for digit in strip[: 4 * CELLS] if digit in _DIGITS]
    if not known:
        return ""
    full = int(ALL)
    return "".join(_digit(sum(known[a:b]), full * (b - a)) for a, b in _ends(len(known), cells))


def _ends(length: int, cells: int) -> list[tuple[int, int]]:
    """Where each of `cells` parts of almost one size begins and ends."""
    count = min(length, max(cells, 1))
    return [(place * length // count, (place + 1) * length // count) for place in range(count)]


def _digit(large: int, all_: int) -> str:
    """Eighths of the large model; whole ends only where nothing is of the other model."""
    if large in (0, all_):
        return ALL if large else NONE
    return str(min(max(round(8 * large / all_), 1), 7))
