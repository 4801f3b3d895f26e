"""What two models make of a log-likelihood request, and who scores which of its tokens at a threshold.

A request fixes its text, so both models read the same tokens whoever scores them, and neither their probabilities nor
the signal depend on a threshold: one pass of each model tells the score at every threshold there is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchtui.routing.signals import known

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Request:
    """What both models make of the n tokens of one continuation: their log-probabilities `small` and `large` (n,), the
    `signal` (n,) of the small model before each, and whether each token is the one that the small and the large model
    find likeliest (n,)."""

    small: NDArray[np.floating[Any]]
    large: NDArray[np.floating[Any]]
    signal: NDArray[np.floating[Any]]
    small_top: Mask
    large_top: Mask

    def __post_init__(self) -> None:
        shapes = {each.shape for each in (self.small, self.large, self.signal, self.small_top, self.large_top)}
        if len(shapes) != 1 or self.small.ndim != 1:
            raise ValueError(f"arrays of the shapes {sorted(shapes)} are not of the same tokens")
        known(self.signal)

    def held(self, hold: int) -> Request:
        """Return the request as a rule routes it that lets the large model write `hold` tokens from each at which the
        signal reaches the threshold: a token is routed if one of the last `hold` signals does. The signal is then
        float64, so that no threshold is rounded to be compared with it."""
        return replace(self, signal=_greatest_of_last(known(self.signal), hold))


def switched(signal: ArrayLike, up: ArrayLike, down: ArrayLike, min_stay: int = 1, start: str = "a") -> Mask:
    """Return which tokens (n,) the large model ("b") scores by the rule of SwitchRule, for thresholds `up` and `down`
    (t,): [t, n]. There is no order of tokens that holds for all thresholds, so each is computed."""
    values, high, low = known(signal), np.asarray(up, np.float64), np.asarray(down, np.float64)
    if (low > high).any() or min_stay < 1:
        raise ValueError("down must be at most up, and min_stay at least 1")
    large = np.full(len(high), start == "b")
    stayed = np.full(len(high), min_stay)
    found = np.empty((len(high), len(values)), np.bool_)
    for place, value in enumerate(values):
        leaves = (stayed >= min_stay) & np.where(large, value < low, value > high)
        large = large ^ leaves
        stayed = np.where(leaves, 1, stayed + 1)
        found[:, place] = large
    return found


def scores_by(request: Request, by_large: Mask) -> NDArray[np.float64]:
    """Return the scores (t,) of a request whose tokens the large model scores where `by_large` [t, n] says."""
    found: NDArray[np.float64] = np.where(by_large, request.large, request.small).sum(-1, dtype=np.float64)
    return found


def _greatest_of_last(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """The greatest of each value and the `count` - 1 before it."""
    if not len(values):
        return values
    count = min(count, len(values))
    padded = np.concatenate([np.full(count - 1, -np.inf), values])
    found: NDArray[np.float64] = np.lib.stride_tricks.sliding_window_view(padded, count).max(-1)
    return found
