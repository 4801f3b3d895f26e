"""Every outcome of right-or-wrong scores counted, not drawn: how often a claim about their true difference is made.

Of `n` samples Binomial(n, pi) change, and of m that change Binomial(m, theta) get better; the true difference is
pi (2 theta - 1). For each m there is a least number of better ones from which the claim is made, found by asking the
code that makes it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from benchtui.evidence.matched_pairs import chance_of_no_more

Floats = npt.NDArray[np.float64]
GATE_SIZES = (20, 30, 60, 100, 200, 541, 1_319, 3_000, 14_042)


@functools.cache
def least_fixed(n: int, limit: float, alpha: float) -> npt.NDArray[np.int64]:
    """For each number of changes m in 0..n the least number fixed that shows a difference above `limit` at one-sided
    `alpha`; m + 1 where none does."""
    found, guess = np.empty(n + 1, dtype=np.int64), 0
    for m in range(n + 1):
        guess = _least(m, n, limit, alpha, min(guess, m + 1))
        found[m] = guess
    return found


def _least(m: int, n: int, limit: float, alpha: float, guess: int) -> int:
    """Searched from a guess outwards in growing steps, then by halving."""

    def shown(fixed: int) -> bool:
        return fixed > m or (fixed >= 0 and chance_of_no_more(fixed, m - fixed, n, limit) < alpha)

    step, low, high = 1, guess - 1, guess
    while not shown(high):
        low, high, step = high, min(high + step, m + 1), 2 * step
    step = 1
    while low >= 0 and shown(low):
        low, high, step = max(low - step, -1), low, 2 * step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if shown(middle) else (middle, high)
    return high


def chance_of_showing(n: int, limit: float, alpha: float, pi: float, truth: float) -> float:
    """How often a difference above `limit` is shown where the true one is `truth` and a share `pi` changes."""
    from scipy.stats import binom

    low, high = (int(end) for end in binom.interval(1 - 1e-12, n, pi)) if 0 < pi < 1 else (round(n * pi),) * 2
    changed = np.arange(low, high + 1)
    needed = least_fixed(n, limit, alpha)[changed]
    theta = min(1.0, max(0.0, (1 + truth / pi) / 2)) if pi else 0.5
    return float(np.sum(binom.pmf(changed, n, pi) * binom.sf(needed - 1, changed, theta)))


def chance_of_sameness(n: int, limit: float, alpha: float, pi: float, truth: float) -> float:
    """How often a difference over `limit` is excluded both ways (two one-sided tests) where the true one is `truth`
    and a share `pi` changes."""
    from scipy.stats import binom

    low, high = (int(end) for end in binom.interval(1 - 1e-12, n, pi)) if 0 < pi < 1 else (round(n * pi),) * 2
    changed = np.arange(low, high + 1)
    needed = least_fixed(n, -limit, alpha)[changed]  # this many of either kind
    theta = min(1.0, max(0.0, (1 + truth / pi) / 2)) if pi else 0.5
    between = binom.cdf(changed - needed, changed, theta) - binom.cdf(needed - 1, changed, theta)
    return float(np.sum(binom.pmf(changed, n, pi) * np.maximum(between, 0.0)))


def discordances(truth: float, steps: int) -> Floats:
    """Shares that may change where the true difference is `truth`, from the least to all; denser where few change."""
    least = max(abs(truth), 1e-4)
    return np.unique(np.concatenate([np.geomspace(least, 1.0, steps), np.linspace(least, 1.0, steps)]))


def worst_at_limit(n: int, limit: float, alpha: float = 0.05, steps: int = 200) -> float:
    """How often a difference above `limit` is shown where it is exactly that: the most over all discordances."""
    return max(chance_of_showing(n, limit, alpha, float(pi), limit) for pi in discordances(limit, steps))


def least_coverage(n: int, truths: Iterable[float], alpha: float = 0.05, steps: int = 60) -> float:
    """How often the two-sided interval holds the true difference: the least over `truths` and all discordances."""
    found = 1.0
    for truth in truths:
        for pi in discordances(truth, steps):
            missed = chance_of_showing(n, truth, alpha / 2, float(pi), truth)
            missed += chance_of_showing(n, -truth, alpha / 2, float(pi), -truth)
            found = min(found, 1 - missed)
    return found
