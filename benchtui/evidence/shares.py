"""Shares: the interval of one, such as an accuracy (E. B. Wilson 1927), the exact one (C. Clopper and E. Pearson 1934),
of several answers to each document, pass@k."""

from __future__ import annotations

import math

import numpy as np

from benchtui.evidence.records import ALPHA, Floats, Interval
from benchtui.evidence.student import normal_quantile, t_quantile

FEWEST_VARIED = 15
"""Documents that are not all right, and documents that are not all wrong, from which their variance is known well
enough (tests/perf/calibration_repeats.py)."""


def wilson(successes: int, n: int, alpha: float = ALPHA) -> Interval:
    """Compute Wilson's score interval of a share; (0, 1) for no sample."""
    if n == 0:
        return Interval(0.0, 1.0)
    z2 = normal_quantile(1 - alpha / 2) ** 2
    middle = (successes + z2 / 2) / (n + z2)
    half = np.sqrt(z2 * (successes * (n - successes) / n + z2 / 4)) / (n + z2)
    return Interval(max(0.0, float(middle - half)), min(1.0, float(middle + half)))


def clopper_pearson(successes: int, n: int, alpha: float = ALPHA) -> Interval:
    """Compute the exact interval of a share, each end a bound at `alpha` / 2; (0, 1) for no sample.

    It leaves out one half exactly when the two-sided sign test (`matched_pairs.mcnemar`) rejects at `alpha`.
    """
    from scipy.special import betaincinv

    low = float(betaincinv(successes, n - successes + 1, alpha / 2)) if successes else 0.0
    high = float(betaincinv(successes + 1, n - successes, 1 - alpha / 2)) if successes < n else 1.0
    return Interval(low, high)


def repeated_share(means: Floats, answers: int, alpha: float = ALPHA) -> Interval | None:
    """Compute the interval of mean@k from the share of right ones among `answers` to each document, `means`
    (documents,). None where too few documents are not all wrong, or not all right, to know their variance.

    Wilson's interval for as many independent answers as have the standard error that the documents show, with Student's
    t for its uncertainty: E. Korn and B. Graubard, "Confidence intervals for proportions with small expected number of
    positive counts estimated from survey data", Survey Methodology 24, 1998, and N. Dean and M. Pagano, "Evaluating
    confidence interval methods for binomial proportions in clustered surveys", JSSAM 3, 2015.
    """
    documents, share = len(means), float(means.mean())
    if min(np.count_nonzero(means > 0), np.count_nonzero(means < 1)) < FEWEST_VARIED:
        return None
    variance = float(means.var(ddof=1)) / documents
    most = documents * answers
    n = most if variance == 0 else min(share * (1 - share) / variance, most)
    z2 = t_quantile(1 - alpha / 2, documents - 1) ** 2
    middle = (share * n + z2 / 2) / (n + z2)
    half = math.sqrt(z2 * (share * (1 - share) * n + z2 / 4)) / (n + z2)
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


def pass_at(drawn: int, right: int, k: int) -> float:
    """Compute the chance that at least one of `k` answers is right, without bias, from `right` of `drawn` answers:
    1 - C(drawn - right, k) / C(drawn, k).

    M. Chen et al., "Evaluating Large Language Models Trained on Code", arXiv 2107.03374, 2021, equation 1. Raises
    ValueError for a `k` larger than `drawn`, about which they say nothing.
    """
    if not 1 <= k <= drawn or not 0 <= right <= drawn:
        raise ValueError(f"pass@{k} cannot be told from {right} right of {drawn} answers")
    return 1.0 - math.comb(drawn - right, k) / math.comb(drawn, k)
