"""The smallest difference that so many paired samples could have shown, and how many samples a difference needs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchtui.compare.statistics import ALPHA, POWER

EXACT_UP_TO = 100
"""Pairs up to which McNemar's power is computed exactly; beyond, the normal form agrees to a hundredth of a point."""


def mcnemar_power(n: int, discordant: float, difference: float, alpha: float = ALPHA) -> float:
    """Chance that exact McNemar rejects at `alpha`: `n` pairs, a share `discordant` of which changes side, `difference`
    (0 <= difference <= discordant) the true gain."""
    from scipy.stats import binom

    changed = np.arange(n + 1)
    fixed_share = 0.5 if discordant == 0 else 0.5 * (1 + difference / discordant)
    critical = _critical(n, alpha)
    rejected = binom.cdf(critical, changed, fixed_share) + binom.sf(changed - critical - 1, changed, fixed_share)
    return float(np.sum(binom.pmf(changed, n, discordant) * np.where(critical >= 0, rejected, 0.0)))


def _critical(n: int, alpha: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """For each number of changes 0..n the largest smaller count that exact McNemar still rejects; -1 for none."""
    from scipy.stats import binom

    changed = np.arange(n + 1)
    guess = binom.ppf(alpha / 2, changed, 0.5)
    critical: np.ndarray[tuple[int], np.dtype[np.float64]] = np.where(
        2 * binom.cdf(guess, changed, 0.5) <= alpha, guess, guess - 1
    )
    return critical


def detectable_share(n: int, discordant: float, alpha: float = ALPHA, power: float = POWER) -> float | None:
    """The smallest difference of two shares that exact McNemar shows with `power`, given the share that changes side.

    A difference cannot exceed the share of samples that change, so where needed that share grows with it. None when
    not even a difference of 1 would do (n < 6).
    """
    if n <= EXACT_UP_TO:
        if mcnemar_power(n, 1.0, 1.0, alpha) < power:
            return None
        return _smallest(lambda d: mcnemar_power(n, max(d, discordant), d, alpha) >= power)
    return _smallest(lambda d: n >= _pairs(d, max(d, discordant), alpha, power))


def samples_needed(difference: float, discordant: float, alpha: float = ALPHA, power: float = POWER) -> int:
    """Pairs needed to show `difference` (0..1) by McNemar's test when a share `discordant` of the samples changes side.

    Normal form of R. Connor, "Sample size for testing differences in proportions for the paired-sample design",
    Biometrics 43, 1987.
    """
    return int(np.ceil(_pairs(difference, max(difference, discordant), alpha, power)))


def _pairs(difference: float, discordant: float, alpha: float, power: float) -> float:
    from scipy.special import ndtri

    if difference <= 0:
        return float("inf")
    root = -float(ndtri(alpha / 2)) * np.sqrt(discordant) + float(ndtri(power)) * np.sqrt(discordant - difference**2)
    return float((root / difference) ** 2)


def _smallest(enough: Callable[[float], bool]) -> float:
    """The smallest value in 0..1 for which a monotone condition holds, to a millionth."""
    low, high = 0.0, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def detectable_mean(stderr: float, clusters: int, alpha: float = ALPHA, power: float = POWER) -> float | None:
    """The smallest mean difference that a t-test over `clusters` units with this standard error shows with `power`."""
    from scipy.stats import t

    if clusters < 2 or not stderr > 0:
        return None
    freedom = clusters - 1
    return float((t.ppf(1 - alpha / 2, freedom) + t.ppf(power, freedom)) * stderr)
