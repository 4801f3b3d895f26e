"""The smallest difference that so many paired samples could have shown, and how many samples a difference needs."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from benchtui.evidence.clusters import normal_quantile, t_quantile
from benchtui.evidence.records import ALPHA, POWER, Floats, Integers

EXACT_UP_TO = 600
"""Pairs up to which McNemar's power is computed exactly; beyond, the normal form agrees to a hundredth of a point."""


def mcnemar_power(n: int, discordant: float, difference: float, alpha: float = ALPHA) -> float:
    """Chance that exact McNemar rejects at `alpha`: `n` pairs, a share `discordant` of which changes side, `difference`
    (0 <= difference <= discordant) the true gain."""
    from scipy.special import bdtr, bdtrc

    fixed_share = 0.5 if discordant == 0 else 0.5 * (1 + difference / discordant)
    critical = _critical(n, alpha)
    possible = critical >= 0
    changed, least = np.arange(n + 1)[possible], critical[possible]
    rejected = bdtr(least, changed, fixed_share) + bdtrc(changed - least - 1, changed, fixed_share)
    return float(np.sum(_chances(n, discordant)[possible] * rejected))


def _chances(n: int, share: float) -> Floats:
    """The binomial chances of 0..n changes."""
    from scipy.special import gammaln, xlog1py, xlogy

    k = np.arange(n + 1)
    logs = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) + xlogy(k, share) + xlog1py(n - k, -share)
    return np.asarray(np.exp(logs))


@functools.lru_cache(maxsize=512)
def _critical(n: int, alpha: float) -> Integers:
    """For each number of changes 0..n the largest smaller count that exact McNemar still rejects; -1 for none."""
    from scipy.special import bdtr

    found = np.full(n + 1, -1, dtype=np.int64)
    for changed in range(1, n + 1):
        smaller = np.arange(changed // 2 + 1)
        rejected = np.flatnonzero(2 * bdtr(smaller, changed, 0.5) <= alpha)
        found[changed] = rejected[-1] if len(rejected) else -1
    return found


@functools.lru_cache(maxsize=4096)
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
    if difference <= 0:
        return float("inf")
    beta = normal_quantile(power) * np.sqrt(discordant - difference**2)
    root = normal_quantile(1 - alpha / 2) * np.sqrt(discordant) + beta
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
    if clusters < 2 or not stderr > 0:
        return None
    return (t_quantile(1 - alpha / 2, clusters - 1) + t_quantile(power, clusters - 1)) * stderr
