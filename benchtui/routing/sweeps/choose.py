"""Which thresholds a sweep goes through: those that were asked for, as numbers, and more of them for its curve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchtui.routing.curve import MOST
from benchtui.routing.rules import Threshold, resolve
from benchtui.routing.thresholds import calibrates

FEWEST_IN_A_HALF = 10
"""Documents; where a half has fewer, nothing is chosen, and all documents are reported."""


def settled(
    asked: Sequence[float | str], signals: Sequence[ArrayLike], doc_hashes: Sequence[str], seed: int = 0
) -> tuple[Threshold, ...]:
    """Return the thresholds as numbers, decreasing; quantiles are those of the `signals` (tokens of each document, or
    one value a document) of the documents for choosing. Two that are one number are there once.

    Raises ValueError for what is no threshold, and where nothing was measured.
    """
    choosing = halves(doc_hashes, seed)
    of = [np.atleast_1d(each) for each, chosen in zip(signals, choosing, strict=True) if chosen or choosing.all()]
    profile = np.concatenate(of) if of else np.empty(0)
    found: dict[float, Threshold] = {}
    for each in asked:
        threshold = resolve(each, profile)
        if np.isfinite(threshold.value):  # infinite ones are both models alone, which are always there
            found.setdefault(threshold.value, threshold)
    return tuple(found[value] for value in sorted(found, reverse=True))


def halves(doc_hashes: Sequence[str], seed: int = 0) -> NDArray[np.bool_]:
    """Return which documents (n,) are for choosing; all of them where a half has fewer than `FEWEST_IN_A_HALF`."""
    choosing = calibrates(doc_hashes, seed)
    sizes = [len({each for each, mine in zip(doc_hashes, choosing, strict=True) if mine == side}) for side in (0, 1)]
    return choosing if min(sizes) >= FEWEST_IN_A_HALF else np.ones(len(doc_hashes), np.bool_)


def with_grid(
    named: Sequence[Threshold], signals: ArrayLike, most: int = MOST
) -> tuple[tuple[Threshold, ...], tuple[int, ...]]:
    """Return all thresholds of a sweep, decreasing, and the places of the `named` ones among them: with these, each at
    which something changes, or so many of them that there are `most` in all. `signals` (n,) are all that were
    measured."""
    values = np.unique(np.asarray(signals, np.float64))
    room = max(most - len(named), 2)
    if len(values) > room:
        values = np.unique(np.quantile(values, np.linspace(0, 1, room), method="closest_observation"))
    found = {float(value): Threshold(float(value), float(value)) for value in values}
    found.update({each.value: each for each in named})
    thresholds = tuple(found[value] for value in sorted(found, reverse=True))
    return thresholds, tuple(place for place, each in enumerate(thresholds) if each in named)
