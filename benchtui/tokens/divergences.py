"""Divergences of next-token distributions, in float64: what all other ways of computing them are compared with.

Natural logarithms. Nothing is added to a probability: where the first distribution has none, it contributes nothing;
where only the second has none, KL is infinite.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchtui.tokens.modes import DivergenceKind

_ROUNDING = 1e-9
"""How far below 0 rounding can bring a sum that is not negative."""

Floats = NDArray[np.floating[Any]]
Divergences = NDArray[np.float64]


def divergence(first: Floats, second: Floats, kind: DivergenceKind = "js") -> Divergences:
    """Return the divergence of each row of two arrays of log-probabilities [n, vocabulary] (or logits: rows are
    normalised), float64 [n], in nats; of two rows [vocabulary], an array without dimensions.

    Raises ValueError for unlike shapes, a `kind` that there is not, and rows with NaN or without any probability.
    """
    if np.shape(first) != np.shape(second):
        raise ValueError(f"distributions of the shapes {np.shape(first)} and {np.shape(second)} cannot be compared")
    one, other = normalised(first), normalised(second)
    if kind == "js":
        return _js(one, other)
    if kind == "kl":
        return _kl(one, other)
    if kind == "kl-reverse":
        return _kl(other, one)
    if kind == "tv":
        distance: Divergences = np.asarray(0.5 * np.abs(np.exp(one) - np.exp(other)).sum(-1))
        return distance
    raise ValueError(f"{kind!r} is no divergence: use js, kl, kl-reverse or tv")


def entropy(logprobs: Floats) -> Divergences:
    """Return the entropy of each row, in nats. Raises ValueError as `divergence` does."""
    rows = normalised(logprobs)
    weights = np.exp(rows)
    found: Divergences = np.asarray(-np.multiply(weights, rows, out=np.zeros_like(rows), where=weights > 0).sum(-1))
    return found


def normalised(logprobs: Floats) -> NDArray[np.float64]:
    """Return rows of log-probabilities, float64, whose probabilities sum to 1. Raises ValueError where a row has NaN,
    or no probability at all."""
    rows = np.asarray(logprobs, np.float64)
    greatest = rows.max(-1, keepdims=True)
    if not np.isfinite(greatest).all():
        raise ValueError("a distribution has entries that are not numbers, or no token with a probability")
    shifted = rows - greatest
    found: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return found


def _kl(first: NDArray[np.float64], second: NDArray[np.float64]) -> Divergences:
    weights = np.exp(first)
    there = weights > 0
    terms = np.zeros_like(first)
    np.subtract(first, second, out=terms, where=there)
    np.multiply(terms, weights, out=terms, where=there)
    return _not_negative(terms.sum(-1))


def _js(first: NDArray[np.float64], second: NDArray[np.float64]) -> Divergences:
    mixture = np.logaddexp(first, second) - np.log(2.0)
    return _not_negative(0.5 * (_kl(first, mixture) + _kl(second, mixture)))


def _not_negative(sums: Any) -> Divergences:
    """A sum that rounding has brought below 0 is 0. Raises ValueError for one that is further below."""
    found = np.asarray(sums, np.float64)
    if (found < -_ROUNDING).any():
        raise ValueError(f"a divergence came out as {found.min():g}")
    return np.maximum(found, 0.0)
