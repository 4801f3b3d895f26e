"""Rows of unequal length divided into batches: between too much padding and too many forwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby


def batch_sizes(lengths: Sequence[int], fits: Callable[[int], int], forward: float) -> list[int]:
    """How many rows to take at a time from rows of falling `lengths`, so that the sum of costs is least.

    A batch costs its rows times its longest, and `forward` for being one; at most `fits(longest)` rows go together.
    Boundaries are sought between rows of different length only: the work grows with the square of the number of
    different lengths, not with the rows.
    """
    groups = [(length, len(list(rows))) for length, rows in groupby(lengths)]
    before = [0]
    for _, count in groups:
        before.append(before[-1] + count)
    least, origin = [0.0], [0]
    for end in range(1, len(groups) + 1):
        costs = []
        for start in range(end):
            longest = groups[start][0]
            rows = before[end] - before[start]
            costs.append(least[start] + rows * longest + forward * -(-rows // fits(longest)))
        least.append(min(costs))
        origin.append(costs.index(least[-1]))
    sizes: list[int] = []
    end = len(groups)
    while end:
        start = origin[end]
        rows = before[end] - before[start]
        parts = -(-rows // fits(groups[start][0]))
        sizes.extend(rows // parts + (part < rows % parts) for part in reversed(range(parts)))
        end = start
    return sizes[::-1]
