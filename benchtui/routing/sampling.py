"""A token drawn from a distribution, by one uniform number."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchtui.routing.records import Sampling

Floats = NDArray[np.floating[Any]]


def processed(logprobs: Floats, sampling: Sampling) -> NDArray[np.float64]:
    """Return the probabilities [vocabulary] that a token is drawn from, given log-probabilities (or logits) in nats.

    Applied as transformers does, each to what the one before left: temperature, top-k, top-p, min-p. Tokens as likely
    as the last of the top k are kept too. At temperature 0 the likeliest token has the probability 1, the first one
    where several are. Raises ValueError where a number is not one.
    """
    scores = np.asarray(logprobs, np.float64)
    if np.isnan(scores).any():
        raise ValueError("a distribution has entries that are not numbers")
    if sampling.temperature == 0:
        only = np.zeros(len(scores))
        only[int(scores.argmax())] = 1.0
        return only
    scores = scores / sampling.temperature
    if 0 < sampling.top_k < len(scores):
        least = np.partition(scores, -sampling.top_k)[-sampling.top_k]
        scores = np.where(scores < least, -np.inf, scores)
    if sampling.top_p < 1:
        order = np.argsort(scores, kind="stable")  # the likeliest last
        left_out = np.cumsum(_softmax(scores)[order]) <= 1 - sampling.top_p
        left_out[-1] = False
        scores = scores.copy()
        scores[order[left_out]] = -np.inf
    if sampling.min_p > 0:
        shares = _softmax(scores)
        scores = np.where(shares < sampling.min_p * shares.max(), -np.inf, scores)
    return _softmax(scores)


def draw(logprobs: Floats, sampling: Sampling, number: float) -> int:
    """Return the token of the `number`, uniform in [0, 1): the first, in the order of ids, up to which the processed
    probabilities sum to more than it. Raises ValueError where a log-probability is not a number."""
    if sampling.temperature == 0:
        if np.isnan(logprobs).any():
            raise ValueError("a distribution has entries that are not numbers")
        return int(np.argmax(logprobs))
    return picked(processed(logprobs, sampling), number)


def picked(shares: Floats, number: float) -> int:
    """Return the token of the `number`, uniform in [0, 1), as `draw` does, given probabilities [vocabulary]; they need
    not sum to 1."""
    sums = np.cumsum(shares)
    place = int(np.searchsorted(sums, number * sums[-1], side="right"))
    # Rounding can make the product the sum itself: the last token with a probability is meant then.
    return min(place, int(np.searchsorted(sums, sums[-1])))


def accepts(token: int, target: Floats, source: Floats, number: float) -> bool:
    """Whether a token that was drawn from `source` is accepted as one of `target`, both probabilities [vocabulary], by
    a `number` uniform in [0, 1): with the probability min(1, target / source) (arXiv 2211.17192)."""
    return bool(number * source[token] < target[token])


def residual(target: Floats, source: Floats) -> NDArray[np.float64]:
    """Return the probabilities [vocabulary] of the token instead of one that was rejected: what `target` has more than
    `source`, normalised. Where rounding leaves nothing, they are those of `target`."""
    more = np.maximum(0.0, np.asarray(target, np.float64) - np.asarray(source, np.float64))
    total = more.sum()
    return more / total if total > 0 else np.asarray(target, np.float64)


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    weights = np.exp(scores - scores.max())
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares
