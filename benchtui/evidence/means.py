"""Means of scores that are not 0/1, of independent units: how sure they are, without assuming a shape.

N. Gaffke, "Three test statistics for a nonparametric one-sided hypothesis on the mean of a nonnegative variable",
Mathematical Methods of Statistics 14, 2005; E. Learned-Miller and P. Thomas, "A new confidence interval for the mean of
a bounded random variable", arXiv 1905.06208. The bound gives the units random weights and adds one unit that was not
seen, at the end of the scale. On 0/1 scores it is Clopper and Pearson's; that it keeps its level on every other shape
is not proved but was never found otherwise; tests/perf/calibration_means.py simulates it.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from benchtui.evidence.records import ALPHA, Floats, Interval

FEWEST_CLUSTERS, FEWEST_UNBOUNDED = 10, 30
"""Units from which those seen say how far away an unseen one may be: of scores in clusters, and of scores without a
scale, whose shape may be anything. With fewer lognormal and rare losses go unnoticed too often (same simulation)."""


class Units(msgspec.Struct, frozen=True):
    """Independent units of a mean: what each adds to it, and its share of the whole (all shares sum to 1).

    Equal ones stand once, with their number in `counts`. A unit that was not seen may have any mean from `low` to
    `high`.
    """

    parts: tuple[float, ...]
    shares: tuple[float, ...]
    counts: tuple[int, ...]
    low: float
    high: float

    def mirrored(self) -> Units:
        """The units of the opposite difference."""
        return Units(tuple(-part for part in self.parts), self.shares, self.counts, -self.high, -self.low)

    @property
    def unseen(self) -> float:
        """The share of one more unit: of the size that a document drawn at random lies in."""
        return math.fsum(count * share**2 for share, count in zip(self.shares, self.counts, strict=True))


def units_of(parts: Floats, shares: Floats, scale: tuple[float, float] | None, *, alone: bool) -> Units | None:
    """Collect units (n,): `parts` of the mean, `shares` of the whole. `scale` are the ends that no mean can be outside;
    None where there are none. `alone` where each unit is one document: an unseen one may lie at the scale's ends. One
    of several documents may be twice as far from the median unit as any that was seen.

    None where nothing bounds an unseen unit: too few without a scale, or all alike.
    """
    ends = scale if alone and scale is not None else _ends(parts / shares, scale)
    if ends is None:
        return None
    pairs, counts = np.unique(np.stack([parts, shares]), axis=1, return_counts=True)
    return Units(tuple(pairs[0].tolist()), tuple(pairs[1].tolist()), tuple(counts.tolist()), *ends)


def _ends(means: Floats, scale: tuple[float, float] | None) -> tuple[float, float] | None:
    low, middle, high = float(means.min()), float(np.median(means)), float(means.max())
    if low == high or len(means) < (FEWEST_UNBOUNDED if scale is None else FEWEST_CLUSTERS):
        return scale
    low, high = middle - 2 * (middle - low), middle + 2 * (high - middle)
    return (low, high) if scale is None else (max(low, scale[0]), min(high, scale[1]))


def chance_of_no_more(units: Units, x: float) -> float:
    """One-sided p-value of the claim that the true mean is no more than `x`: small when the units show more."""
    if x < units.low:
        return 0.0
    parts, shares, counts = (np.array(column, dtype=np.float64) for column in (units.parts, units.shares, units.counts))
    pulls = np.append(x * shares - parts, units.unseen * (x - units.low))
    return _chance_above_zero(pulls, np.append(counts, 1.0))


def mean_interval(units: Units, alpha: float = ALPHA) -> Interval:
    """The means that are not refuted at `alpha`; each end alone is a bound at `alpha` / 2."""
    return Interval(_lowest(units, alpha / 2), -_lowest(units.mirrored(), alpha / 2))


def _lowest(units: Units, alpha: float) -> float:
    """The least mean that is not refuted at `alpha`, one-sided."""
    from scipy.optimize import brentq
    from scipy.special import ndtri

    wanted = float(ndtri(alpha))

    def excess(x: float) -> float:
        chance = chance_of_no_more(units, x)
        return float(ndtri(min(max(chance, 1e-300), 1 - 1e-16))) - wanted  # of x nearly a straight line

    low, high = units.low, max(part / share for part, share in zip(units.parts, units.shares, strict=True))
    shown = low < 0 and chance_of_no_more(units, 0.0) < alpha
    if low < 0 < high:
        low, high = (0.0, high) if shown else (low, 0.0)
    if low >= high or excess(low) >= 0:
        return low
    found = float(brentq(excess, low, high, xtol=1e-12 * (high - low)))
    return max(found, math.ulp(0.0)) if shown else found


def _chance_above_zero(pulls: Floats, counts: Floats) -> float:
    """P(sum of pulls * G > 0) for independent G ~ Gamma(counts).

    The inversion integral of the moment generating function M(s) / s, along the line through its smallest value on the
    real axis; with u = sigma sinh(t) the trapezoidal rule converges at once.
    """
    reach = float(pulls.max())
    if reach <= 0:
        return 0.0
    if pulls.min() >= 0:
        return 1.0
    if counts @ pulls > 0:  # precise where the chance is small
        return 1.0 - _chance_above_zero(-pulls, counts)
    a = pulls / reach
    s, width = _saddle(a, counts)
    total, start = 0.0, 0
    while True:
        t = _STEP * np.arange(start, start + _BLOCK)
        line = s + 1j * width * np.sinh(t)
        logs = -(counts @ np.log1p(-a[:, None] * line)) - np.log(line)
        values = np.exp(logs).real * np.cosh(t)
        if start == 0:
            values[0] /= 2
        total += float(values.sum())
        start += _BLOCK
        if np.abs(values[-4:]).max() <= 1e-13 * abs(total) or start > 50 * _BLOCK:
            return min(1.0, max(0.0, _STEP * width * total / np.pi))


_STEP, _BLOCK = 0.15, 24


def _saddle(a: Floats, counts: Floats) -> tuple[float, float]:
    """Where M(s) / s is smallest in (0, 1), for max(a) = 1, and its width there."""
    low, high, s = 0.0, 1.0, 0.5
    for _ in range(60):
        ratio = a / (1 - a * s)
        slope = float(counts @ ratio) - 1 / s
        curve = float(counts @ ratio**2) + 1 / s**2
        low, high = (s, high) if slope < 0 else (low, s)
        if slope * slope < 1e-4 * curve:
            break
        step = s - slope / curve
        s = step if low < step < high else (low + high) / 2
    return s, 1 / math.sqrt(curve)
