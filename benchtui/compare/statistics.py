"""The statistics of one paired comparison, on scipy's special functions.

statsmodels has the same tests and is what they are checked against; importing it takes longer than a whole comparison.
References: E. Miller, "Adding Error Bars to Evals", arXiv 2411.00640 (clustered and paired standard errors, power);
McNemar 1947 (exact form); Wilson 1927; Holm 1979; S. Bowyer, L. Aitchison and D. Ivanova, ICML 2025 (why not the normal
approximation below a few hundred samples).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from benchtui.compare.records import Interval

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

ALPHA = 0.05
POWER = 0.80
SMALL = 300
"""Below this many samples intervals do not lean on the normal approximation."""
FEW_CLUSTERS = 300
"""Below this many independent units p-values do not lean on the normal approximation either: MMLU has 57 subjects."""

_ALL_SWAPS, _SWAPS = 13, 9_999
SEED = 20_251_123


def mcnemar(fixed: int, broken: int) -> float:
    """Two-sided exact McNemar p-value from the two discordant counts; 1 when there are none."""
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(fixed, broken), fixed + broken, 0.5)))


def wilson(successes: int, n: int, alpha: float = ALPHA) -> Interval:
    """Wilson's score interval of a share; (0, 1) for no sample."""
    if n == 0:
        return Interval(0.0, 1.0)
    z2 = normal_quantile(1 - alpha / 2) ** 2
    middle = (successes + z2 / 2) / (n + z2)
    half = np.sqrt(z2 * (successes * (n - successes) / n + z2 / 4)) / (n + z2)
    return Interval(max(0.0, float(middle - half)), min(1.0, float(middle + half)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values, in the order given."""
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


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


def t_test(value: float, stderr: float, clusters: int) -> float:
    """Two-sided p-value of `value` being 0; 1 when nothing varies and nothing differs."""
    from scipy.special import stdtr

    if stderr == 0:
        return 1.0 if value == 0 else 0.0
    return 2 * float(stdtr(max(clusters - 1, 1), -abs(value) / stderr))


def sign_flip_test(sums: Floats) -> float:
    """Two-sided p-value of a sum of independent differences under swapping the two runs within each unit.

    `sums` (units,): every unit's own difference. All swaps are tried up to 13 units that moved, 9,999 random ones
    (seeded, the one observed counted with them) beyond.
    """
    moved = sums[sums != 0]
    if len(moved) > _ALL_SWAPS:
        moved = sums  # the same random swaps as the interval's
    observed = abs(float(moved.sum()))
    return float(np.mean(np.abs(_swaps(len(moved)) @ moved) >= observed - 1e-9 * max(observed, 1e-300)))


@functools.lru_cache(maxsize=1)  # a p-value and its interval come from the same ones
def _swaps(units: int) -> Floats:
    """Ways to swap the two runs, (ways, units) of -1 and 1, the one observed first."""
    if units <= _ALL_SWAPS:
        flipped = (np.arange(2**units)[:, None] >> np.arange(units)) & 1
        return np.where(flipped, -1.0, 1.0)
    swaps: Floats = np.random.default_rng(SEED).choice(np.array([-1.0, 1.0]), size=(_SWAPS + 1, units))
    swaps[0] = 1.0
    return swaps


def swap_interval(sums: Floats, shares: Floats, alpha: float = ALPHA) -> Interval | None:
    """The differences that `sign_flip_test` does not refute at `alpha`: (units,) of each unit's part of the difference
    and its share of the whole (they sum to 1). None below about six units, when no difference can be refuted.

    Swapping turns the part of a unit that is left after a difference d, sum - d * share, into its opposite. A swap's
    total A - d * B is at least as far from zero as the observed value - d just between the two d at which they are
    equally far, so the p-value of d is the share of swaps between whose two ends d lies.
    """
    value = float(sums.sum())
    swaps = _swaps(len(sums))
    total, weight = swaps @ sums, swaps @ shares
    trivial = np.abs(weight) > 1 - 1e-9  # all or none swapped: as far from zero at every d
    one = (value - total) / np.where(trivial, 1.0, 1 - weight)
    other = (value + total) / np.where(trivial, 1.0, 1 + weight)
    low = np.where(trivial, -np.inf, np.minimum(one, other))
    high = np.where(trivial, np.inf, np.maximum(one, other))
    least = int(np.ceil(alpha * len(swaps) - 1e-9))
    ends = [float(np.sort(low)[least - 1]), float(np.sort(high)[-least])]
    ends = [0.0 if abs(end) < 1e-12 else end for end in ends]  # rounding must not tell a tie from zero
    return Interval(*ends) if np.isfinite(ends).all() else None


def paired_share_interval(fixed: int, broken: int, n: int, alpha: float = ALPHA) -> Interval:
    """95 % interval of a difference of two shares measured on the same `n` samples, (fixed - broken) / n.

    Few samples or few changes: the central posterior interval under a Dirichlet(1/2, 1/2, 1) prior on (fixed, broken,
    unchanged), which covers on average as often as it says where the normal approximation does not; it reaches to the
    end of the scale where all samples changed the same way. Else Miller's paired standard error.
    """
    if n >= SMALL and fixed + broken >= 30:
        half = normal_quantile(1 - alpha / 2) * float(np.sqrt(fixed + broken - (fixed - broken) ** 2 / n)) / n
        middle = (fixed - broken) / n
        return Interval(middle - half, middle + half)
    return _posterior_interval(fixed, broken, n, alpha)


def _posterior_interval(fixed: int, broken: int, n: int, alpha: float) -> Interval:
    """Quantiles of D(2U - 1): D ~ Beta(changed + 1, unchanged + 1) the share that changes, U ~ Beta(fixed + 1/2,
    broken + 1/2) the part of it that gets better; D is integrated out over 400 of its quantiles."""
    from scipy.optimize import brentq
    from scipy.special import betainc, betaincinv

    changed = fixed + broken
    shares = betaincinv(changed + 1.0, n - changed + 1.0, (np.arange(400) + 0.5) / 400)

    def below(x: float) -> float:
        u = np.clip((x / shares + 1) / 2, 0.0, 1.0)
        return float(np.mean(betainc(fixed + 0.5, broken + 0.5, u)))

    low = float(brentq(lambda x: below(x) - alpha / 2, -1.0, 1.0, xtol=1e-7))
    high = float(brentq(lambda x: below(x) - (1 - alpha / 2), -1.0, 1.0, xtol=1e-7))
    return Interval(-1.0 if broken == n else low, 1.0 if fixed == n else high)
