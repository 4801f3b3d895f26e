"""Every threshold of a log-likelihood request, from one pass of each model.

A request fixes its text, so both models read the same tokens whoever scores them, and neither their probabilities nor
the signal depend on a threshold. The score at a threshold is the sum of the small model's log-probabilities where the
signal is below it and of the large one's elsewhere: sorted by the signal, cumulative sums give all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchtui.routing.steps import Numbers, Steps, known, ranked, swept, together, total

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
        signal reaches the threshold: a token is routed if one of the last `hold` signals does."""
        return self if hold == 1 else replace(self, signal=_greatest_of_last(known(self.signal), hold))

    def at_random(self, rng: np.random.Generator) -> Request:
        """Return the request with a signal that says nothing, uniform from 0 to 1."""
        return replace(self, signal=rng.random(len(self.small)))


@dataclass(frozen=True)
class Routed:
    """A request at every threshold: its `score` in nats, how many tokens the `large` model scores, and whether each
    token is the likeliest one of the model that scores it (`greedy`)."""

    tokens: int
    score: Steps
    large: Steps
    greedy: Steps


def routed(request: Request) -> Routed:
    """Compute a request at every threshold."""
    nothing, ones = np.zeros(len(request.small)), np.ones(len(request.small))
    others = swept(request.signal, ~request.small_top, ~request.large_top)
    return Routed(
        len(request.small),
        swept(request.signal, request.small, request.large),
        swept(request.signal, nothing, ones),
        Steps(others.edges, others.values == 0),
    )


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


@dataclass(frozen=True)
class Choices:
    """The requests of one document, one a choice, `sizes` (choices,) by which their scores are divided (lengths in
    bytes or characters, whatever the metric takes; None: by nothing), and the number of the right one."""

    requests: tuple[Request, ...]
    right: int
    sizes: tuple[float, ...] | None = None

    def held(self, hold: int) -> Choices:
        """Return the document with every request as `Request.held` has it."""
        return replace(self, requests=tuple(request.held(hold) for request in self.requests))

    def at_random(self, rng: np.random.Generator) -> Choices:
        """Return the document with signals that say nothing."""
        return replace(self, requests=tuple(request.at_random(rng) for request in self.requests))


def predictions(document: Choices) -> Steps:
    """Return the number of the choice with the greatest score at every threshold, the first of several."""
    scores = together([swept(each.signal, each.small, each.large) for each in document.requests])
    values = scores.values if document.sizes is None else scores.values / np.asarray(document.sizes, np.float64)
    return Steps(scores.edges, values.argmax(-1))


def correct(document: Choices) -> Steps:
    """Return 1.0 where the predicted choice is the right one, at every threshold."""
    found = predictions(document)
    return Steps(found.edges, (found.values == document.right).astype(np.float64))


def large_tokens(document: Choices) -> Steps:
    """Return how many of the document's tokens the large model scores, at every threshold."""
    signals = np.concatenate([known(request.signal) for request in document.requests])
    return swept(signals, np.zeros(len(signals)), np.ones(len(signals)))


def large_positions(document: Choices, prompt: int) -> Steps:
    """Return how many positions the large model computes, at every threshold, where it reads what it has not read as
    late as it can, and the `prompt` of so many tokens once for all choices.

    It must read everything before the last token that it scores: so its positions fall far less than its tokens.
    """
    behind = total([_read_before_last(request) for request in document.requests])
    some = large_tokens(document)
    return Steps(some.edges, (behind.at(np.append(np.inf, some.edges)) + prompt) * (some.values > 0))


def tokens_of(document: Choices) -> int:
    """Count the tokens of all choices."""
    return sum(len(request.small) for request in document.requests)


def defer(signal: ArrayLike, small: ArrayLike, large: ArrayLike) -> tuple[Steps, Steps]:
    """Return the mean score, and the share of documents that the large model answers, at every threshold, from what
    two finished runs say of each document (n,): how unsure the small model is, the score of either.

    Raises ValueError without documents, and for unlike shapes.
    """
    shapes = {np.shape(signal), np.shape(small), np.shape(large)}
    n = len(known(signal))
    if len(shapes) != 1 or not n:
        raise ValueError(f"arrays of the shapes {sorted(shapes)} are not of the same documents")
    score, share = swept(signal, small, large), swept(signal, np.zeros(n), np.ones(n))
    return Steps(score.edges, score.values / n), Steps(share.edges, share.values / n)


def per_document(parts: Sequence[Steps], thresholds: ArrayLike) -> Numbers:
    """Return a number of each document at thresholds (t,): [t, documents]."""
    return np.stack([part.at(thresholds) for part in parts], axis=-1)


def _read_before_last(request: Request) -> Steps:
    """How many tokens of the continuation stand before the last one that the large model scores."""
    order, edges, last = ranked(request.signal)
    farthest = np.maximum.accumulate(order)
    return Steps(edges, np.append(0, farthest[last]))


def _greatest_of_last(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """The greatest of each value and the `count` - 1 before it."""
    if not len(values):
        return values
    count = min(count, len(values))
    padded = np.concatenate([np.full(count - 1, -np.inf), values])
    found: NDArray[np.float64] = np.lib.stride_tricks.sliding_window_view(padded, count).max(-1)
    return found
