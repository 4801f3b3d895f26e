"""Two scores of the same documents: their difference, with the interval and tests that comparisons of runs use."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from benchtui.evidence import matched_pairs, means
from benchtui.evidence.records import ALPHA, Floats, Interval


class Paired(msgspec.Struct, frozen=True):
    """The mean scores of `n` documents and the difference `value`, second minus first, with its 95 % interval: exact
    for right and wrong (McNemar), without assuming a distribution for other scores from 0 to 1 or -1 to 1 (Gaffke).
    `interval` is None where nothing bounds it: scores on other scales, of too few documents."""

    n: int
    first: float
    second: float
    value: float
    interval: Interval | None


def paired(
    first: ArrayLike,
    second: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    bounded: bool = True,
    alpha: float = ALPHA,
) -> Paired:
    """Compare two scores of each document (n,), which count by their `weights` (n,), None: alike. `bounded`: scores
    from 0 to 1 have these as the ends of their scale. Raises ValueError for unlike shapes and without documents."""
    one, other = _scores(first, second)
    n, part = len(one), _parts(one, weights)
    counts = _flips(one, other, part)
    if counts is not None:
        interval: Interval | None = matched_pairs.matched_interval(*counts, n, alpha)
    else:
        units = _units(one, other, part, bounded)
        interval = None if units is None else means.mean_interval(units, alpha)
    return Paired(n, float(part @ one), float(part @ other), float(part @ (other - one)), interval)


def chance_of_no_more(
    first: ArrayLike,
    second: ArrayLike,
    difference: float,
    weights: ArrayLike | None = None,
    *,
    bounded: bool = True,
) -> float:
    """Compute the one-sided p-value of the claim that second minus first is truly no more than `difference`: small
    where the documents show that it is more, 1 where they can show nothing."""
    one, other = _scores(first, second)
    part = _parts(one, weights)
    counts = _flips(one, other, part)
    if counts is not None:
        return matched_pairs.chance_of_no_more(*counts, len(one), difference)
    units = _units(one, other, part, bounded)
    return 1.0 if units is None else means.chance_of_no_more(units, difference)


def _scores(first: ArrayLike, second: ArrayLike) -> tuple[Floats, Floats]:
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.shape != other.shape or one.ndim != 1 or not len(one):
        raise ValueError(f"scores of the shapes {one.shape} and {other.shape} are not of the same documents")
    return one, other


def _parts(scores: Floats, weights: ArrayLike | None) -> Floats:
    """What part of the whole each document is."""
    if weights is None:
        return np.full(len(scores), 1 / len(scores))
    found: Floats = np.asarray(weights, np.float64) / np.sum(weights)
    if found.shape != scores.shape or not (found > 0).all():
        raise ValueError("every document must have a weight above 0")
    return found


def _flips(one: Floats, other: Floats, part: Floats) -> tuple[int, int] | None:
    """How many documents got right and wrong; None where scores are neither, and where documents do not count alike."""
    if not np.isin(one, (0, 1)).all() or not np.isin(other, (0, 1)).all() or not np.allclose(part, part[0]):
        return None
    return int(((one == 0) & (other == 1)).sum()), int(((one == 1) & (other == 0)).sum())


def _units(one: Floats, other: Floats, part: Floats, bounded: bool) -> means.Units | None:
    scale = means.scale_of(one, other) if bounded else None
    ends = None if scale is None else (scale[0] - scale[1], scale[1] - scale[0])
    return means.units_of((other - one) * part, part, ends)
