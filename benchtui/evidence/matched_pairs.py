"""Two models' right-or-wrong answers to the same samples: the exact test, and the interval that agrees with it.

The test is McNemar's in its exact form (1947). The interval joins exact confidence distributions of the two things that
make the difference, the share of samples that change and the part of these that get better, as M. Fay and K. Lumbard,
"Confidence intervals for difference in proportions for matched pairs compatible with exact McNemar's or sign tests",
Statistics in Medicine 40, 2021. It leaves out zero exactly when the test rejects, at every level, and covers at least
as often as it says; tests/perf/calibration.py enumerates that.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from benchtui.evidence.records import ALPHA, Interval
from benchtui.evidence.roots import root


def mcnemar(fixed: int, broken: int) -> float:
    """Compute the two-sided exact McNemar p-value from the two discordant counts; 1 when there are none.

    It is the sign test of wins and losses, ties left out.
    """
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(fixed, broken), fixed + broken, 0.5)))


def fewest(alpha: float = ALPHA) -> int:
    """Return the number of samples from which some outcome has a two-sided p-value below `alpha`: all changed the same
    way, p = 2 (1/2)^n. Gaffke's test of other scores needs as many."""
    return math.floor(1 - math.log2(alpha)) + 1


def fewest_unchanged(loss: float, alpha: float = ALPHA) -> int:
    """Return the number of samples, none of which changed, that show a true loss of less than `loss` (0..1, both
    excluded) at one-sided `alpha`: with that loss, all of them are unchanged with probability (1 - loss)^n at most."""
    return math.floor(math.log(alpha) / math.log1p(-loss)) + 1


def chance_of_no_more(fixed: int, broken: int, n: int, difference: float) -> float:
    """Compute the one-sided p-value of the claim that the true difference is no more than `difference` (-1..1): small
    when the data show that it is greater. At 0 it is the exact one-sided McNemar test.

    It is P(D (2U - 1) <= difference) for the lower confidence distributions D of the share that changes and U of the
    part of it that gets better (C. Clopper and E. Pearson 1934, as beta distributions).
    """
    from scipy.special import betainc

    changed, same = fixed + broken, n - fixed - broken
    if difference >= 1:
        return 1.0
    if difference <= -1:
        return 1.0 if broken == n else 0.0
    if difference == 0:
        return float(betainc(fixed, broken + 1.0, 0.5)) if fixed else 1.0
    if difference < 0:  # a loss is largest where most samples change
        if not fixed:
            return float(betainc(same, changed + 1.0, 1 + difference)) if same else 1.0
        if not same:
            return float(betainc(fixed, broken + 1.0, (1 + difference) / 2))
        return _joined(fixed, broken, changed + 1.0, same, difference)
    if not fixed:
        return 1.0
    below = float(betainc(changed, same + 1.0, difference))
    return below + _joined(fixed, broken, changed, same + 1.0, difference)


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(96)


def _joined(fixed: int, broken: int, a: float, b: float, difference: float) -> float:
    """Compute P(D (2U - 1) <= difference, D >= |difference|) for D ~ Beta(a, b) and U ~ Beta(fixed, broken + 1)."""
    from scipy.special import betainc, betaln

    low, high = _bulk(a, b)
    low = max(low, abs(difference))
    if low >= high:
        return 0.0
    shares = (high - low) / 2 * _NODES + (high + low) / 2
    density = np.exp((a - 1) * np.log(shares) + (b - 1) * np.log1p(-shares) - betaln(a, b))
    below = betainc(fixed, broken + 1.0, (1 + difference / shares) / 2)
    return float((high - low) / 2 * np.sum(_WEIGHTS * density * below))


@functools.lru_cache(maxsize=256)
def _bulk(a: float, b: float) -> tuple[float, float]:
    """Return the range that holds nearly all of Beta(a, b)."""
    from scipy.special import betaincinv

    return float(betaincinv(a, b, 1e-13)), float(betaincinv(a, b, 1 - 1e-13))


def matched_interval(fixed: int, broken: int, n: int, alpha: float = ALPHA) -> Interval:
    """Compute the interval of (fixed - broken) / n, a difference of two shares measured on the same `n` samples.

    Each end alone is a bound at `alpha` / 2. (-1, 1) without a sample.
    """
    return Interval(_lowest(fixed, broken, n, alpha / 2), -_lowest(broken, fixed, n, alpha / 2))


@functools.lru_cache(maxsize=4096)
def _lowest(fixed: int, broken: int, n: int, alpha: float) -> float:
    """Return the least difference that is not rejected at `alpha`, one-sided."""
    if n == 0 or chance_of_no_more(fixed, broken, n, -1.0) > alpha:
        return -1.0
    shown = chance_of_no_more(fixed, broken, n, 0.0) < alpha  # as 2 * this, McNemar's p, is below 2 * alpha
    ends = (0.0, 1.0) if shown else (-1.0, 0.0)
    found = root(lambda x: chance_of_no_more(fixed, broken, n, x) - alpha, *ends, 1e-10)
    return max(found, math.ulp(0.0)) if shown else min(found, 0.0)
