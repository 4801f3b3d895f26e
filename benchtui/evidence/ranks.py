"""Whether the values of one kind tend to be greater than those of another, whatever their distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from benchtui.evidence.records import Floats


class RankTest(msgspec.Struct, frozen=True):
    """The two-sided p-value, and the share of the pairs, one value of each kind, in which the first is the greater; a
    tie counts as half."""

    p: float
    larger: float


def rank_test(strata: Sequence[tuple[Floats, Floats]]) -> RankTest | None:
    """Compare two kinds of values within each of several strata; None where none has values of both.

    Of one stratum the test of Mann and Whitney (exact for few values without ties, as scipy has it). Of several, the
    sum of their statistics, whose mean and variance, corrected for ties, are the sums under the null hypothesis: what
    sets a whole stratum apart from another does not count (P. van Elteren 1960, each pair with the same weight).
    """
    from scipy.stats import mannwhitneyu

    both = [(first, second) for first, second in strata if len(first) and len(second)]
    if not both:
        return None
    found = [mannwhitneyu(first, second, alternative="two-sided") for first, second in both]
    pairs = [len(first) * len(second) for first, second in both]
    total = float(sum(float(each.statistic) for each in found))
    larger = total / sum(pairs)
    if len(both) == 1:
        return RankTest(float(found[0].pvalue), larger)
    variance = sum(_variance(first, second) for first, second in both)
    away = max(abs(total - sum(pairs) / 2) - 0.5, 0.0)  # the statistic has steps of one, or of half with ties
    return RankTest(math.erfc(away / math.sqrt(2 * variance)) if variance else 1.0, larger)


def _variance(first: Floats, second: Floats) -> float:
    """The variance of Mann and Whitney's statistic where both kinds are alike, corrected for ties."""
    m, n = len(first), len(second)
    _, ties = np.unique(np.concatenate((first, second)), return_counts=True)
    whole = m + n
    tied = float(np.sum(ties.astype(np.float64) ** 3 - ties)) / (whole * (whole - 1))
    return m * n / 12 * (whole + 1 - tied)
