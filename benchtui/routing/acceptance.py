"""Predicts speculative decoding from one teacher-forced pass of both models over a text of the large one.

The small model drafts γ tokens, the large one reads them in one call, keeps those up to the first that it rejects, and
writes one more itself. Y. Leviathan, M. Kalman, Y. Matias, "Fast Inference from Transformers via Speculative Decoding",
arXiv 2211.17192.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Prediction:
    """What writing `tokens` tokens takes with drafts of `draft` tokens: `calls` of the large model, tokens that were
    `drafted` and `accepted`. Expected numbers where acceptance is a chance, exact ones where it is certain. Drafts end
    with the text: what would be drafted behind it is not counted."""

    draft: int
    tokens: int
    calls: float
    drafted: float
    accepted: float

    @property
    def acceptance(self) -> float | None:
        """The share of drafted tokens that is accepted; None where nothing is drafted."""
        return self.accepted / self.drafted if self.drafted else None

    @property
    def tokens_per_call(self) -> float | None:
        """Tokens of the text by calls of the large model; None without a call."""
        return self.tokens / self.calls if self.calls else None

    def speed_up(self, cost: float) -> float | None:
        """How many times faster than the large model alone, where a step of the small one takes `cost` times a call of
        the large one, which takes as long for a draft as for one token; None without a call."""
        return self.tokens / (self.calls + cost * self.drafted) if self.calls else None


def greedy_acceptance(small_ids: ArrayLike, large_ids: ArrayLike) -> Floats:
    """Return 1.0 where both models find the same token likeliest (n,), 0.0 elsewhere: what is accepted without
    sampling."""
    found: Floats = (np.asarray(small_ids) == np.asarray(large_ids)).astype(np.float64)
    return found


def sampled_acceptance(tv: ArrayLike) -> Floats:
    """Return the chance 1 - TV (n,) that a token drawn from the small model is accepted, from the total variation of
    both distributions, each processed as it is sampled from (2211.17192, theorem 3.5): of any text, before its tokens
    are known. Raises ValueError for what is no total variation."""
    distances = np.asarray(tv, np.float64)
    if not ((distances >= 0) & (distances <= 1 + 1e-6)).all():
        raise ValueError("a total variation is not from 0 to 1")
    found: Floats = 1 - np.minimum(distances, 1.0)
    return found


def acceptance_of_drawn(small: ArrayLike, large: ArrayLike) -> Floats:
    """Return the chance min(1, q/p) (n,) that each token of a text which the large model drew had been accepted as a
    draft, from the log-probabilities of its tokens by both, processed as they are sampled from.

    Given a token, it was an accepted draft with the chance min(p, q) / p, whatever was before: so a prediction from
    texts that were drawn is without bias. On average over tokens it is 1 - TV. Raises ValueError where the large model
    gives a token no probability, so that it cannot have drawn it.
    """
    drafts, drawn = np.asarray(small, np.float64), np.asarray(large, np.float64)
    if not np.isfinite(drawn).all() or np.isnan(drafts).any():
        raise ValueError("the large model cannot have drawn this text: a token has no probability")
    found: Floats = np.exp(np.minimum(0.0, drafts - drawn))
    return found


def predict(acceptance: ArrayLike, draft: int) -> Prediction:
    """Predict the writing of one text from the chance that the draft of each of its tokens (n,) is accepted.

    Computed from the end: what remains after a call depends only on where it ended. Of greedy decoding it is exactly
    what happens; of sampling it is what is expected while the texts are like this one. Raises ValueError for a `draft`
    below 1 and chances outside 0 to 1.
    """
    chances = np.asarray(acceptance, np.float64)
    if draft < 1:
        raise ValueError(f"drafts of {draft} tokens: at least 1 is needed")
    if not ((chances >= 0) & (chances <= 1)).all():
        raise ValueError("a chance of being accepted is not from 0 to 1")
    n = len(chances)
    expected = np.zeros((n + 1, 3))  # calls, drafted and accepted, from each place to the end
    for place in range(n - 1, -1, -1):
        window = chances[place : place + draft]
        reach = np.cumprod(window)  # the chance that this many are accepted at least
        stop = np.append(1.0, reach[:-1]) - reach  # that exactly 0, 1 … are, and then one is rejected
        ends = place + 1 + np.arange(len(window))
        rest = stop @ expected[ends] + reach[-1] * expected[min(ends[-1] + 1, n)]
        expected[place] = rest + np.array([1.0, len(window), reach.sum()])
    calls, drafted, accepted = (float(value) for value in expected[0])
    return Prediction(draft, n, calls, drafted, accepted)


def predict_all(acceptances: Sequence[ArrayLike], drafts: Sequence[int]) -> tuple[Prediction, ...]:
    """Predict the writing of several texts, one after another, for each length of drafts."""
    return tuple(_sum([predict(each, draft) for each in acceptances], draft) for draft in drafts)


def expected_tokens(alpha: float, draft: int) -> float:
    """Compute the tokens written by a call of the large model, (1 - α^(γ+1)) / (1 - α), where each drafted token is
    accepted with the chance `alpha`, independently (2211.17192, equation 1)."""
    return float(sum(alpha**power for power in range(draft + 1)))


def speed_up(alpha: float, draft: int, cost: float) -> float:
    """Compute how many times faster than the large model alone, (1 - α^(γ+1)) / ((1 - α)(γc + 1)), where a step of the
    small model takes `cost` times a call of the large one (2211.17192, theorem 3.8)."""
    return expected_tokens(alpha, draft) / (draft * cost + 1)


def _sum(parts: Sequence[Prediction], draft: int) -> Prediction:
    return Prediction(
        draft,
        sum(part.tokens for part in parts),
        sum(part.calls for part in parts),
        sum(part.drafted for part in parts),
        sum(part.accepted for part in parts),
    )
