"""Computes how likely a true difference is to be shown, the smallest that so many samples show, and how many it needs.

For right-or-wrong scores all of it is exact: the chance that McNemar's exact test finds the difference, summed over how
many samples may change side (the unconditional power of S. Duffy, "Asymptotic and exact power for the McNemar test and
its analogue with R controls per case", Biometrics 40, 1984).
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from benchtui.evidence.records import ALPHA, POWER, Floats, Integers
from benchtui.evidence.roots import root
from benchtui.evidence.student import normal_quantile, t_quantile

_REACH = 8.5
"""Standard deviations around the mean of a binomial that hold all but 1e-15 of it."""

_SMOOTH = 100
"""Variance of the number of changes from which power rises with every sample; below it power goes up and down a little.
"""


def mcnemar_power(n: int, discordant: float, difference: float, alpha: float = ALPHA) -> float:
    """Compute the chance that exact McNemar shows a difference at `alpha`, two-sided, and on the right side: `n` pairs,
    a share `discordant` of which changes side, `difference` (0 <= difference <= discordant) the true gain."""
    from scipy.special import bdtr

    changed, chances = likely_counts(n, discordant)
    critical = _critical(changed, alpha)
    possible = critical >= 0
    broken_share = 0.5 if discordant == 0 else 0.5 * (1 - difference / discordant)
    shown = bdtr(critical[possible], changed[possible], broken_share)
    return float(np.sum(chances[possible] * shown))


def likely_counts(n: int, share: float) -> tuple[Integers, Floats]:
    """Return the numbers of `n` that a share may be, with their binomial chances; those that are next to impossible are
    left out."""
    from scipy.special import gammaln, xlog1py, xlogy

    middle, reach = n * share, _REACH * np.sqrt(n * share * (1 - share)) + 20
    k = np.arange(max(0, int(middle - reach)), min(n, int(middle + reach)) + 1)
    logs = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) + xlogy(k, share) + xlog1py(n - k, -share)
    return k, np.asarray(np.exp(logs))


def _critical(changed: Integers, alpha: float) -> Integers:
    """Return for each number of changes the most losses among them with which exact McNemar still shows a gain; -1 for
    none."""
    from scipy.special import bdtr

    def shows(losses: Integers) -> npt.NDArray[np.bool_]:
        return np.asarray((losses >= 0) & (2 * bdtr(np.maximum(losses, 0), changed, 0.5) < alpha), dtype=bool)

    near = np.floor((changed + normal_quantile(alpha / 2) * np.sqrt(changed)) / 2).astype(np.int64)
    found = np.clip(near, -1, changed // 2)
    while np.any(over := (found >= 0) & ~shows(found)):
        found = found - over
    while np.any(more := (found < changed // 2) & shows(found + 1)):
        found = found + more
    return found


@functools.lru_cache(maxsize=4096)
def detectable_share(n: int, discordant: float, alpha: float = ALPHA, power: float = POWER) -> float | None:
    """Compute the smallest difference of two shares that exact McNemar shows with `power`, given the share that changes
    side; to a millionth, exact at every n.

    A difference cannot exceed the share of samples that change, so where needed that share grows with it. None when not
    even a difference of 1 would do (n < 6 at 5 %).
    """
    if mcnemar_power(n, 1.0, 1.0, alpha) < power:
        return None
    return _smallest(lambda d: mcnemar_power(n, max(d, discordant), d, alpha) >= power)


@functools.lru_cache(maxsize=4096)
def samples_needed(difference: float, discordant: float, alpha: float = ALPHA, power: float = POWER) -> int:
    """Compute how many pairs exact McNemar needs to show `difference` (0 < difference <= 1) with `power` when a share
    `discordant` of the samples changes side (at least `difference` does): the number from which the power is never
    lower.

    Raises ValueError for a difference that is not within (0, 1].
    """
    if not 0 < difference <= 1:
        raise ValueError(f"no number of samples shows a difference of {difference}")
    changing = max(difference, discordant)

    def enough(n: int) -> bool:
        return mcnemar_power(n, changing, difference, alpha) >= power

    low, high = 0, 8
    while not enough(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    if high * changing * (1 - changing) >= _SMOOTH:
        return high
    around = 4 * int(np.sqrt(high)) + 20  # wide enough for the ups and downs of power at this height
    return 1 + max(n for n in range(max(0, high - 1), high + around) if n < high or not enough(n))


def _smallest(enough: Callable[[float], bool]) -> float:
    """Return the smallest value in 0..1 for which a monotone condition holds, to a millionth."""
    low, high = 0.0, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def power_of_all(power: float, comparisons: int) -> float:
    """Compute roughly the chance that one candidate is shown to be better than each of several others, where each
    comparison alone shows it with `power`.

    All have that candidate in common, so that they succeed together more often than independent ones: where any two
    candidates differ on as many samples, the differences are normal with correlations of one half (as in C. Dunnett, "A
    multiple comparison procedure for comparing several treatments with a control", JASA 50, 1955).
    """
    from scipy.special import log_ndtr, ndtri

    if comparisons == 1 or power <= 0:
        return power
    common = np.linspace(-8.5, 8.5, 2_001)
    density = np.exp(-(common**2) / 2)
    ahead = np.sqrt(2) * ndtri(min(power, 1 - 1e-15)) + common
    return float(np.sum(density * np.exp(comparisons * log_ndtr(ahead))) / density.sum())


def mean_power(difference: float, stderr: float, units: int, alpha: float = ALPHA) -> float:
    """Compute the chance that a two-sided t-test over `units` independent units shows a true `difference` (>= 0) whose
    estimate has this standard error, on the right side: the noncentral t distribution (J. Cohen 1988). 0 below two
    units."""
    from scipy.special import nctdtr

    if units < 2:
        return 0.0
    critical = t_quantile(1 - alpha / 2, units - 1)
    return 1 - float(nctdtr(units - 1, difference / stderr, critical)) if stderr > 0 else float(difference > 0)


def detectable_mean(stderr: float, units: int, alpha: float = ALPHA, power: float = POWER) -> float | None:
    """Compute the smallest mean difference that a t-test over `units` independent units with this standard error shows
    with `power`; None below two units, or without a standard error."""
    if units < 2 or not stderr > 0:
        return None
    high = 2 * (t_quantile(1 - alpha / 2, units - 1) + t_quantile(max(power, 0.5), units - 1)) + 10
    found = root(lambda size: mean_power(size, 1.0, units, alpha) - power, 0.0, high, 1e-9)
    return found * stderr
