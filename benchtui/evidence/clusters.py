"""Means of scores that go together in clusters: standard error and Student's interval.

E. Miller, "Adding Error Bars to Evals", arXiv 2411.00640. statsmodels has the same and is what they are checked
against; importing it takes longer than a whole comparison.
"""

from __future__ import annotations

import numpy as np

from benchtui.evidence.records import ALPHA, Floats, Integers, Interval


def normal_quantile(p: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(p))


def t_quantile(p: float, freedom: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, p))


def clustered_stderr(
    values: Floats, clusters: Integers, weights: Floats | None = None, *, correct: bool = True
) -> float:
    """Standard error of the weighted mean of `values` (n,) whose errors go together within `clusters` (n,).

    Miller's equation for equal weights; `correct` multiplies the variance by G/(G-1) for G clusters, as statsmodels
    does by default. NaN for a single cluster with the correction.
    """
    w = np.full(len(values), 1.0) if weights is None else weights
    w = w / w.sum()
    residuals = w * (values - np.sum(w * values))
    sums = np.bincount(clusters, weights=residuals)
    groups = len(np.unique(clusters))
    variance = float(np.sum(sums**2))
    if correct:
        variance = variance * groups / (groups - 1) if groups > 1 else np.nan
    return float(np.sqrt(variance))


def t_interval(value: float, stderr: float, clusters: int, alpha: float = ALPHA) -> Interval:
    """Student's interval with one degree of freedom less than there are independent units."""
    half = t_quantile(1 - alpha / 2, max(clusters - 1, 1)) * stderr
    return Interval(value - half, value + half)
