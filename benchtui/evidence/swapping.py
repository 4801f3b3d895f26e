"""Differences of few units: the exact test that swaps the two runs within each unit, and the interval it gives."""

from __future__ import annotations

import functools

import numpy as np

from benchtui.evidence.records import ALPHA, Floats, Interval

_ALL_SWAPS, _SWAPS = 13, 9_999
SEED = 20_251_123


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
