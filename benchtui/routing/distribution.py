"""How the values of a signal are distributed: for choosing a threshold by eye."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

FROM_THE_TOP = (10, 20, 30, 40, 50, 60, 70, 80, 90)
"""In percent: the ranks whose values are told."""


class Top(msgspec.Struct, frozen=True):
    """The greatest values: their mean, the least of them, the greatest."""

    mean: float
    min: float
    max: float


class Distribution(msgspec.Struct, frozen=True):
    """Some values: `percentiles` has for "top_30%" the value that is exceeded by 30 % of them, `top_10_percent` what
    the tenth with the greatest values is like. Keys are those of the seed of the idea (nano-vllm's ProfileResult),
    which has the least and the greatest of the tenth the wrong way round."""

    count: int
    mean: float
    std: float
    min: float
    max: float
    median: float
    percentiles: dict[str, float]
    top_10_percent: Top


def distribution(values: ArrayLike) -> Distribution | None:
    """Describe values (n,); what is not finite is left out. None where nothing is left."""
    found = finite(values)
    n = len(found)
    if not n:
        return None
    ordered = np.sort(found)[::-1]
    tenth = ordered[: max(1, n // 10)]
    return Distribution(
        n,
        float(found.mean()),
        float(found.std()),
        float(ordered[-1]),
        float(ordered[0]),
        float(np.median(found)),
        {f"top_{percent}%": float(ordered[n * percent // 100]) for percent in FROM_THE_TOP},
        Top(float(tenth.mean()), float(tenth[-1]), float(tenth[0])),
    )


def finite(values: ArrayLike) -> NDArray[np.float64]:
    """Return the values (n,) that are finite."""
    found = np.asarray(values, np.float64)
    return found[np.isfinite(found)]


def auroc(signal: ArrayLike, found: ArrayLike) -> float | None:
    """Return the chance that a signal (n,) is greater where something is `found` (n,) than where it is not, ties
    counting half: 0.5 says nothing, 1 separates both. None where it is found everywhere, or nowhere.

    This is the area under the ROC curve, and the Mann-Whitney U by the number of pairs. Raises ValueError for values
    that are not known.
    """
    values, there = np.asarray(signal, np.float64), np.asarray(found, np.bool_)
    if np.isnan(values).any():
        raise ValueError("the signal is not known everywhere")
    positive, negative = int(there.sum()), int((~there).sum())
    if not positive or not negative:
        return None
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    below = np.cumsum(counts) - counts
    ranks = below[place] + (counts[place] + 1) / 2  # of equal values the mean of theirs
    return float((ranks[there].sum() - positive * (positive + 1) / 2) / (positive * negative))
