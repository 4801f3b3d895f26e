"""The interval of one share, such as an accuracy (E. B. Wilson 1927)."""

from __future__ import annotations

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
