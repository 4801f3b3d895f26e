"""Computes a metric's score from the values of its samples.

Every aggregation here is a function of sums over the documents, so that one form serves scores, subsets, resampling and
groups. Which one a metric has is checked: it must reproduce lm-eval's own number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from benchtui.evidence.records import Floats
from benchtui.results.samples import Value
from benchtui.tasks.metrics import corpus

TOLERANCE = 1e-6

Combine = Callable[[Floats], Floats]
"""From sums (..., terms) to scores (...)."""


class Aggregation(msgspec.Struct, frozen=True):
    """`terms` turns one document's value into summands (None if it cannot), `combine` their sums into the score.

    `mean` says that the score is the sum of the first term over the sum of the second, `resampled` that its differences
    are judged by the bootstrap.
    """

    name: str
    terms: Callable[[Value], tuple[float, ...] | None]
    combine: Combine
    mean: bool
    resampled: bool = False


def _scalar(value: Value) -> tuple[float, ...] | None:
    return None if isinstance(value, list) or math.isnan(value) else (float(value), 1.0)


def _several(value: Value) -> tuple[float, ...] | None:
    return (float(sum(value)), float(len(value))) if isinstance(value, list) else None


def _weighted(value: Value) -> tuple[float, ...] | None:
    return (float(value[0]), float(value[1])) if isinstance(value, list) and len(value) == 2 else None


def _confusion(value: Value) -> tuple[float, ...] | None:
    """Return true and false positives and negatives of a (gold, predicted) pair of 0/1 labels."""
    if not isinstance(value, list) or len(value) != 2 or not set(value) <= {0, 1}:
        return None
    gold, predicted = value
    return (
        float(gold and predicted),
        float(not gold and predicted),
        float(gold and not predicted),
        float(not (gold or predicted)),
    )


def _vector(length: int) -> Callable[[Value], tuple[float, ...] | None]:
    """Return what takes a value of so many summands, or of a multiple of as many, as it is."""

    def terms(value: Value) -> tuple[float, ...] | None:
        fits = isinstance(value, list) and len(value) >= length and len(value) % length == 0
        return tuple(map(float, value)) if isinstance(value, list) and fits else None

    return terms


def _ratio(sums: Floats) -> Floats:
    return np.asarray(sums[..., 0] / sums[..., 1])


def _f1(sums: Floats) -> Floats:
    positive, false_positive, false_negative = sums[..., 0], sums[..., 1], sums[..., 2]
    below = 2 * positive + false_positive + false_negative
    return np.asarray(np.where(below > 0, 2 * positive / np.where(below > 0, below, 1), 0.0))


def _matthews(sums: Floats) -> Floats:
    tp, fp, fn, tn = (sums[..., i] for i in range(4))
    below = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return np.asarray(np.where(below > 0, (tp * tn - fp * fn) / np.where(below > 0, below, 1), 0.0))


AGGREGATIONS = (
    Aggregation("mean", _scalar, _ratio, mean=True),
    Aggregation("mean over instructions", _several, _ratio, mean=True),
    Aggregation("perplexity", _scalar, lambda sums: np.exp(-_ratio(sums)), mean=False),
    Aggregation("weighted_perplexity", _weighted, lambda sums: np.exp(-_ratio(sums)), mean=False),
    Aggregation("bits_per_byte", _weighted, lambda sums: -_ratio(sums) / math.log(2), mean=False),
    Aggregation("f1", _confusion, _f1, mean=False),
    Aggregation("matthews_corrcoef", _confusion, _matthews, mean=False),
    Aggregation("bleu", _vector(10), corpus.bleu_of, mean=False, resampled=True),
    Aggregation("chrf", _vector(3), corpus.chrf_of, mean=False, resampled=True),
    Aggregation("nats_per_byte", _vector(2), corpus.nats_per_byte_of, mean=False, resampled=True),
)
"""lm-eval's names for its aggregations, api/metrics.py, and those of tasks made from people's own data."""


def terms_of(aggregation: Aggregation, values: Sequence[Value]) -> Floats | None:
    """Return the summands of each document, (documents, terms); None when a value does not fit."""
    rows = [aggregation.terms(value) for value in values]
    if not rows or any(row is None for row in rows):
        return None
    return np.array(rows, dtype=np.float64)


def find_aggregation(declared: str, values: Sequence[Value], score: float) -> Aggregation | None:
    """Return the aggregation that turns `values` into lm-eval's `score`, trying the declared one first; None without
    one."""
    for aggregation in sorted(AGGREGATIONS, key=lambda known: known.name != declared):
        terms = terms_of(aggregation, values)
        if terms is None:
            continue
        with np.errstate(all="ignore"):
            found = float(aggregation.combine(terms.sum(axis=0)))
        if math.isclose(found, score, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
            return aggregation
    return None
