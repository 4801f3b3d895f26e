"""Intervals and tests for means of scores that are not 0/1, of independent units, without assuming a distribution.

N. Gaffke, "Three test statistics for a nonparametric one-sided hypothesis on the mean of a nonnegative variable",
Mathematical Methods of Statistics 14, 2005; E. Learned-Miller and P. Thomas, "A new confidence interval for the mean of
a bounded random variable", arXiv 1905.06208. The bound gives the units random weights and adds one unit that was not
seen, at the end of the scale. On 0/1 scores it is Clopper and Pearson's interval. That it keeps its level for every
other distribution is not proved, but no exception was ever found; tests/perf/calibration_means.py simulates it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec
import numpy as np

from benchtui.evidence.records import ALPHA, Floats, Interval
from benchtui.evidence.roots import root

FEWEST_WITHOUT_SCALE, REACH = 200, 2.0
"""Scores without a scale need at least FEWEST_WITHOUT_SCALE units; an unseen unit may then be at most REACH times as
far from the median unit as the farthest seen one on its side. Fewer units miss a long tail or a rare loss too often
(same simulation)."""


class Units(msgspec.Struct, frozen=True):
    """Independent units of a mean: what each adds to it, and its share of the whole (all shares sum to 1).

    Equal units are stored once, with their number in `counts`. A unit that was not seen may have any mean from `low` to
    `high`; `unseen` is its share.
    """

    parts: tuple[float, ...]
    shares: tuple[float, ...]
    counts: tuple[int, ...]
    low: float
    high: float
    unseen: float

    def mirrored(self) -> Units:
        """Return the units of the opposite difference."""
        return Units(tuple(-part for part in self.parts), self.shares, self.counts, -self.high, -self.low, self.unseen)


def scale_of(*scores: Floats) -> tuple[float, float] | None:
    """Return the ends of the scale that scores are on: 0..1 or -1..1; None for scores outside both, whose scale is
    unknown."""
    low, high = min(float(each.min()) for each in scores), max(float(each.max()) for each in scores)
    if low < -1 or high > 1:
        return None
    return (0.0, 1.0) if low >= 0 else (-1.0, 1.0)


def pseudo_values(terms: Floats, combine: Callable[[Floats], Floats]) -> Floats:
    """Turn a score that is no mean, such as F1 or perplexity, into a mean over its documents: the jackknife's
    pseudo-values, (documents,), of summands (documents, terms), shifted so that their mean is the score itself. NaN for
    one document.

    J. Tukey 1958; R. Miller, "The jackknife: a review", Biometrika 61, 1974.
    """
    sums, n = terms.sum(axis=0), len(terms)
    with np.errstate(all="ignore"):
        without = combine(sums - terms)
    return np.asarray(float(combine(sums)) - (n - 1) * (without - without.mean()))


def units_of(
    parts: Floats,
    shares: Floats,
    scale: tuple[float, float] | None,
    *,
    weighted: bool = False,
) -> Units | None:
    """Collect units (n,): `parts` of the mean, `shares` of the whole. `scale` gives the ends between which an unseen
    unit may lie; without a scale (None) the seen units bound it, if there are FEWEST_WITHOUT_SCALE of them.

    An unseen unit has the size of the unit that a document drawn at random belongs to. With `weighted` units, where a
    task of few documents counts like one of many, it has the size of those that count most: what a small task has not
    shown may be made up in full by another.

    None where nothing bounds an unseen unit: too few without a scale, or all alike.
    """
    ends = _reached(parts / shares) if scale is None else scale
    if ends is None:
        return None
    unseen = float(shares.max() if weighted else np.sum(shares**2))
    pairs, counts = np.unique(parts + 1j * shares, return_counts=True)
    return Units(tuple(pairs.real.tolist()), tuple(pairs.imag.tolist()), tuple(counts.tolist()), *ends, unseen)


def _reached(means: Floats) -> tuple[float, float] | None:
    """Return the ends of what an unseen unit may be, from the `means` (n,) of the seen ones."""
    low, middle, high = float(means.min()), float(np.median(means)), float(means.max())
    if low == high or len(means) < FEWEST_WITHOUT_SCALE:
        return None
    return middle - REACH * (middle - low), middle + REACH * (high - middle)


def chance_of_no_more(units: Units, x: float) -> float:
    """Compute the one-sided p-value of the claim that the true mean is no more than `x`: small when the units show
    more."""
    return _Columns(units).chance_of_no_more(x)


class _Columns:
    """The units as arrays, to compute several probabilities of the same ones."""

    def __init__(self, units: Units) -> None:
        self._parts, self._shares, counts = np.array([units.parts, units.shares, units.counts], dtype=np.float64)
        self._counts = np.append(counts, 1.0)
        self._unseen = units.unseen
        self.low, self.high = units.low, float(np.max(self._parts / self._shares))

    def chance_of_no_more(self, x: float) -> float:
        if x < self.low:
            return 0.0
        pulls = np.append(x * self._shares - self._parts, self._unseen * (x - self.low))
        return _chance_above_zero(pulls, self._counts)


def mean_interval(units: Units, alpha: float = ALPHA) -> Interval:
    """Return the means that are not rejected at `alpha`; each end alone is a bound at `alpha` / 2."""
    return Interval(_lowest(units, alpha / 2), -_lowest(units.mirrored(), alpha / 2))


def _lowest(units: Units, alpha: float) -> float:
    """Return the least mean that is not rejected at `alpha`, one-sided."""
    from scipy.special import ndtri

    columns, wanted = _Columns(units), float(ndtri(alpha))

    def excess(x: float) -> float:
        chance = columns.chance_of_no_more(x)
        return float(ndtri(min(max(chance, 1e-300), 1 - 1e-16))) - wanted  # of x nearly a straight line

    low, high = columns.low, columns.high
    shown = low < 0 and columns.chance_of_no_more(0.0) < alpha
    if low < 0 < high:
        low, high = (0.0, high) if shown else (low, 0.0)
    if low >= high or excess(low) >= 0:
        return low
    found = root(excess, low, high, 1e-9 * (high - low))
    return max(found, math.ulp(0.0)) if shown else found


def _chance_above_zero(pulls: Floats, counts: Floats) -> float:
    """Compute P(sum of pulls * G > 0) for independent G ~ Gamma(counts).

    The inversion integral of the moment generating function M(s) / s, by the trapezoidal rule along a hyperbola through
    its smallest value on the real axis; the hyperbola bends as the path of steepest descent starts to bend.
    """
    reach = float(pulls.max())
    if reach <= 0:
        return 0.0
    if pulls.min() >= 0:
        return 1.0
    if counts @ pulls > 0:  # precise where the chance is small
        return 1.0 - _chance_above_zero(-pulls, counts)
    pulls = pulls / reach
    s, width, bend = _saddle(pulls, counts)
    slopes = width * pulls / (1 - pulls * s)
    total, start = 0.0, 0
    while True:
        t = _STEP * np.arange(start, start + _BLOCK)
        across, up = bend * (np.cosh(t) - 1), np.sinh(t)
        real, imaginary = 1 - np.multiply.outer(slopes, across), np.multiply.outer(slopes, up)
        size = -(counts @ np.log(real**2 + imaginary**2)) / 2
        angle = counts @ np.arctan2(imaginary, real)
        steps = bend * np.sinh(t) + 1j * np.cosh(t)
        values = (np.exp(size + 1j * angle) * steps / (s / width + across + 1j * up)).imag
        if start == 0:
            values[0] /= 2
        total += float(values.sum())
        start += _BLOCK
        if np.abs(values[-2:]).max() <= 1e-9 * abs(total) or start > 50 * _BLOCK:
            level = math.exp(-float(counts @ np.log1p(-pulls * s)))
            return min(1.0, max(0.0, _STEP * level * total / np.pi))


_STEP, _BLOCK = 0.25, 13


def _saddle(pulls: Floats, counts: Floats) -> tuple[float, float, float]:
    """Return where M(s) / s is smallest in (0, 1), for a largest pull of 1; its width there, and how much the path of
    steepest descent bends."""
    low, high, s = 0.0, 1.0, 0.5
    for _ in range(60):
        ratio = pulls / (1 - pulls * s)
        slope = float(counts @ ratio) - 1 / s
        curve = float(counts @ ratio**2) + 1 / s**2
        low, high = (s, high) if slope < 0 else (low, s)
        if slope * slope < 1e-4 * curve:
            break
        step = s - slope / curve
        s = step if low < step < high else (low + high) / 2
    width, skew = 1 / math.sqrt(curve), 2 * float(counts @ ratio**3) - 2 / s**3
    return s, width, max(-1.0, min(1.0, skew * width**3 / 3))
