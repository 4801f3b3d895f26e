"""Estimates by how much the score of the best of several candidates is too high because it was chosen as the best.

Candidates are chosen on a random half of the documents, and the chosen one is scored on the other half; the gap between
both scores of it is averaged over many splits. Half of the documents have twice the variance of all, and what is left
between two halves of given documents has that of all: for equal candidates the mean gap is sqrt 2 times what choosing
on all documents adds, so that it is divided by it. (Drawing the documents anew with replacement adds the variance of
the draws to that of the documents instead: for equal candidates it tells 29 % too little.) Where one candidate is far
ahead of all others it wins every split, and the gap is zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from benchtui.evidence.records import Floats

SPLITS = 200
"""Splits in two; each is used twice, with either half to choose on."""

FEWEST = 10
"""Documents; half of fewer shows nothing."""

_SEED = 20_260_721
_EQUAL = 1e-12
"""Scores no further apart differ by rounding alone."""
_AT_ONCE = 2_000_000
"""Documents times splits that are drawn at once."""


class Choice(msgspec.Struct, frozen=True):
    """One task of several candidates: the summands (documents, candidates, terms) of their scores, all zero where a
    candidate has no answer, and what turns sums (..., terms) into scores (...). Several tasks are weighted by `weight`.
    """

    terms: Floats
    combine: Callable[[Floats], Floats]
    weight: float = 1.0


def shrinkage(tasks: Sequence[Choice], *, higher_is_better: bool = True) -> float | None:
    """Compute how much less good than its own score the best candidate is expected to be on other documents, on the
    score's scale and never below 0. Always splits in the same way.

    None where that cannot be told: a single candidate, fewer than FEWEST documents, or a half without a score.
    """
    if not tasks or tasks[0].terms.shape[1] < 2 or sum(len(task.terms) for task in tasks) < FEWEST:
        return None
    rng = np.random.default_rng(_SEED)
    scores = sum((_halves(task, rng) for task in tasks), np.zeros((2, SPLITS, tasks[0].terms.shape[1])))
    if not np.isfinite(scores).all():
        return None
    good = scores if higher_is_better else -scores
    gaps = [_chosen(one, one) - _chosen(one, other) for one, other in (good, good[::-1])]
    return max(0.0, float(np.mean(gaps))) / math.sqrt(2)


def _chosen(choose_on: Floats, score_on: Floats) -> Floats:
    """Return the score (splits,) of whoever is best on the first, of equals the mean score: taking the first of them
    would tell too little where candidates come in the order of their scores, which knows the other half."""
    best = choose_on >= choose_on.max(axis=1, keepdims=True) - _EQUAL
    return np.asarray(np.where(best, score_on, 0.0).sum(axis=1) / best.sum(axis=1))


def _halves(task: Choice, rng: np.random.Generator) -> Floats:
    """Return the weighted scores on both halves of each split, (2, splits, candidates)."""
    n, candidates, width = task.terms.shape
    flat, parts = task.terms.reshape(n, candidates * width), []
    half = (np.arange(n) < n // 2).astype(np.float64)
    for start in range(0, SPLITS, size := max(1, _AT_ONCE // max(n, 1))):
        drawn = rng.permuted(np.tile(half, (min(size, SPLITS - start), 1)), axis=1)
        parts.append(drawn @ flat)
    first = np.concatenate(parts)
    sums = np.stack([first, flat.sum(axis=0) - first]).reshape(2, SPLITS, candidates, width)
    with np.errstate(all="ignore"):
        return np.asarray(task.weight * task.combine(sums))
