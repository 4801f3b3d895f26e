"""Student's interval, the standard error of a weighted mean, and the quantiles of both distributions.

scipy.stats and statsmodels have the same and are what they are checked against; importing these takes longer than a
whole comparison.
"""

from __future__ import annotations

import numpy as np

from benchtui.evidence.records import ALPHA, Floats, Interval


def normal_quantile(p: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(p))


def t_quantile(p: float, freedom: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, p))


def weighted_stderr(values: Floats, weights: Floats) -> float:
    """Compute the standard error of the weighted mean of independent `values` (n,), whose variances may differ; n >= 2.

    H. White, "A heteroskedasticity-consistent covariance matrix estimator", Econometrica 48, 1980, times n/(n-1):
    statsmodels' HC1. With equal weights it is the usual one of a mean.
    """
    share = weights / weights.sum()
    residuals = share * (values - np.sum(share * values))
    n = len(values)
    return float(np.sqrt(np.sum(residuals**2) * n / (n - 1)))


def t_interval(value: float, stderr: float, units: int, alpha: float = ALPHA) -> Interval:
    """Compute Student's interval with one degree of freedom less than there are independent `units`."""
    half = t_quantile(1 - alpha / 2, max(units - 1, 1)) * stderr
    return Interval(value - half, value + half)


def t_test(t: float, units: int) -> float:
    """Compute the two-sided p-value of a mean that is `t` standard errors from zero."""
    from scipy.special import stdtr

    return float(2 * stdtr(max(units - 1, 1), -abs(t)))
