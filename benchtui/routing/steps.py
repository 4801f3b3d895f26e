"""Step functions of a threshold: what a rule gives at every threshold there is, known at once.

What is routed to the large model at a threshold are the items (tokens, documents) whose signal is at least that. So a
sum over items, as a function of the threshold, changes at the signals that occur and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[Any]


@dataclass(frozen=True)
class Steps:
    """A step function of the threshold: `values` (m+1, …), of which the first belongs to thresholds above all `edges`
    (m,), the next to those from above the second edge to the first one, and so on; edges decrease."""

    edges: NDArray[np.float64]
    values: Numbers

    def at(self, thresholds: ArrayLike) -> Numbers:
        """Return the values at thresholds (t,), also infinite ones: (t, …)."""
        wanted = np.asarray(thresholds, np.float64)
        return self.values[np.searchsorted(-self.edges, -wanted, side="right")]

    @property
    def small(self) -> Any:
        """The value where the small model does everything."""
        return self.values[0]

    @property
    def large(self) -> Any:
        """The value where the large model does everything."""
        return self.values[-1]


def swept(signal: ArrayLike, small: ArrayLike, large: ArrayLike) -> Steps:
    """Sum over items (n,) what the `small` or the `large` model gives for each, by which of them the threshold takes:
    the large one where the signal is at least that.

    Minus infinity (no probability) makes a sum minus infinity. Raises ValueError for a signal that is not known.
    """
    order, edges, last = ranked(signal)
    sums, impossible = _parts(np.asarray(small, np.float64), np.asarray(large, np.float64), order)
    values = np.where(impossible > 0, -np.inf, sums)
    return Steps(edges, values[np.append(0, last + 1)])


def total(parts: Sequence[Steps]) -> Steps:
    """Add step functions, of finite values."""
    order, edges, last = ranked(np.concatenate([part.edges for part in parts]))
    jumps = np.concatenate([np.diff(part.values.astype(np.float64), axis=0) for part in parts])[order]
    start = np.sum([np.asarray(part.values[:1], np.float64) for part in parts], axis=0)
    values = start + np.concatenate([np.zeros_like(start), np.cumsum(jumps, axis=0)])
    return Steps(edges, values[np.append(0, last + 1)])


def together(parts: Sequence[Steps]) -> Steps:
    """Return step functions side by side, with the edges of all: values (m+1, parts)."""
    edges = -np.unique(-np.concatenate([part.edges for part in parts]))
    thresholds = np.append(np.inf, edges)  # one of each step
    return Steps(edges, np.stack([part.at(thresholds) for part in parts], axis=-1))


def ranked(signal: ArrayLike) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.intp]]:
    """Return the order (n,) in which items go to the large model as the threshold falls, the distinct values (m,) of
    the signal, and the place in that order (m,) of the last item with each. Raises ValueError as `known` does."""
    found = known(signal)
    order = np.argsort(-found, kind="stable")
    ordered = found[order]
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)[: len(ordered)]
    return order, ordered[last], last


def known(signal: ArrayLike) -> NDArray[np.float64]:
    """Return a signal as float64 (n,). Raises ValueError saying how many values are not known (NaN, or infinite)."""
    found = np.asarray(signal, np.float64)
    if unknown := int((~np.isfinite(found)).sum()):
        raise ValueError(f"the signal is not known at {unknown:,} of {len(found):,} places, so nothing can be routed")
    return found


def _parts(
    small: NDArray[np.float64], large: NDArray[np.float64], order: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The finite part of the sum, and how many items are minus infinity, after 0, 1 … n items went to the large one."""
    one, other = (np.where(np.isneginf(each), 0.0, each) for each in (small, large))
    lost_one, lost_other = (np.isneginf(each).astype(np.int64) for each in (small, large))
    sums = one.sum() + np.append(0.0, np.cumsum((other - one)[order]))
    if len(order):
        sums[-1] = other.sum()  # as it is summed where the large model does everything
    return sums, lost_one.sum() + np.append(0, np.cumsum((lost_other - lost_one)[order]))
