"""Shares: the interval of one, such as an accuracy (E. B. Wilson 1927), and pass@k."""

from __future__ import annotations

import math

import numpy as np

from benchtui.evidence.records import ALPHA, Interval
from benchtui.evidence.student import normal_quantile


def wilson(successes: int, n: int, alpha: float = ALPHA) -> Interval:
    """Compute Wilson's score interval of a share; (0, 1) for no sample."""
    if n == 0:
        return Interval(0.0, 1.0)
    z2 = normal_quantile(1 - alpha / 2) ** 2
    middle = (successes + z2 / 2) / (n + z2)
    half = np.sqrt(z2 * (successes * (n - successes) / n + z2 / 4)) / (n + z2)
    return Interval(max(0.0, float(middle - half)), min(1.0, float(middle + half)))


def pass_at(drawn: int, right: int, k: int) -> float:
    """Compute the chance that at least one of `k` answers is right, without bias, from `right` of `drawn` answers:
    1 - C(drawn - right, k) / C(drawn, k).

    M. Chen et al., "Evaluating Large Language Models Trained on Code", arXiv 2107.03374, 2021, equation 1. Raises
    ValueError for a `k` larger than `drawn`, about which they say nothing.
    """
    if not 1 <= k <= drawn or not 0 <= right <= drawn:
        raise ValueError(f"pass@{k} cannot be told from {right} right of {drawn} answers")
    return 1.0 - math.comb(drawn - right, k) / math.comb(drawn, k)
