"""Bootstrap of scores that are functions of sums over documents: BLEU, chrF, and their paired differences.

Documents are drawn anew with replacement, both runs' answers to one together. Interval and p-value are those of the
expanded percentile bootstrap (T. Hesterberg, "What teachers should know about the bootstrap", The American Statistician
69, 2015), one obtained from the other, so that they never disagree. For differences of BLEU it holds its level better
than BCa, which is 1 to 3 points short of it (tests/perf/calibration_own.py).
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable

import msgspec
import numpy as np

from benchtui.evidence.records import ALPHA, Floats, Interval

FEWEST = 50
"""Documents; drawing fewer anew shows too little of what others would do (same simulation)."""
DRAWS = 9_999
_SEED = 20_870_601
_AT_ONCE = 4_000_000
"""Counts drawn at once: documents times draws."""


class Draws(msgspec.Struct, frozen=True):
    """The bootstrap of one number over so many `documents`: the `values` that it had in each draw, sorted."""

    documents: int
    values: tuple[float, ...]

    def mirrored(self) -> Draws:
        """Return the bootstrap of the number with the opposite sign."""
        return Draws(self.documents, tuple(-value for value in reversed(self.values)))


def bootstrap(terms: Floats, score: Callable[[Floats], Floats]) -> Draws | None:
    """Draw the documents anew, always the same way. `terms` (documents, terms) are the summands of each, `score` turns
    sums (..., terms) into numbers (...).

    None where nothing can be shown: fewer than FEWEST documents, a draw without a number, or all draws alike.
    """
    n = len(terms)
    if n < FEWEST:
        return None
    rng = np.random.default_rng(_SEED)
    parts = []
    for start in range(0, DRAWS, size := max(_AT_ONCE // n, 1)):
        counts = rng.multinomial(n, np.full(n, 1 / n), size=min(size, DRAWS - start))
        parts.append(score(counts @ terms))
    values = np.sort(np.concatenate(parts))
    if not np.isfinite(values).all() or values[0] == values[-1]:
        return None
    return Draws(n, tuple(values.tolist()))


def chance_of_no_more(draws: Draws, x: float) -> float:
    """Compute the one-sided p-value of the claim that the true number is no more than `x`."""
    below = (bisect.bisect_right(draws.values, x) + 1) / (len(draws.values) + 2)
    n = draws.documents
    return _t_probability(_quantile(below) * math.sqrt((n - 1) / n), n - 1)


def bootstrap_interval(draws: Draws, alpha: float = ALPHA) -> Interval | None:
    """Return the numbers that are not rejected at `alpha`; each end alone is a bound at `alpha` / 2. None where an end
    lies beyond all draws."""
    low, high = _lowest(draws, alpha / 2), _lowest(draws.mirrored(), alpha / 2)
    return None if low is None or high is None else Interval(low, -high)


def _lowest(draws: Draws, alpha: float) -> float | None:
    """Return the smallest draw that is not rejected at `alpha`, as the p-value grows with it; None where less than any
    draw is not rejected either."""
    if chance_of_no_more(draws, -math.inf) >= alpha:
        return None
    low, high = 0, len(draws.values) - 1
    while low < high:
        middle = (low + high) // 2
        if chance_of_no_more(draws, draws.values[middle]) < alpha:
            low = middle + 1
        else:
            high = middle
    return draws.values[low]


def _quantile(p: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(p))


def _t_probability(t: float, freedom: int) -> float:
    from scipy.special import stdtr

    return float(stdtr(freedom, t))
