"""Scores of a whole corpus, from the summands that each document adds.

Each is a function of sums over the documents, so that it can be computed again for any of them. The functions at the
end are what lm-eval calls (`aggregation: !function benchtui.tasks.metrics.corpus.NAME`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchtui.evidence.records import Floats

Combine = Callable[["Floats"], "Floats"]
"""From sums (..., terms) to scores (...)."""

ORDERS = 4
"""The longest n-gram of BLEU."""
BETA = 2
"""How much more recall weighs than precision in chrF."""


def bleu_of(sums: Floats) -> Floats:
    """Return BLEU, 0 to 100, of sums (..., 10): lengths of answers and references, n-grams that match, n-grams there.

    As sacrebleu's `BLEU.compute_bleu` with its defaults: exponential smoothing, no effective order.
    """
    import numpy as np

    answers, references = sums[..., 0], sums[..., 1]
    right, there = sums[..., 2 : 2 + ORDERS], sums[..., 2 + ORDERS :]
    with np.errstate(all="ignore"):
        penalty = np.where(answers < references, np.exp(1 - references / answers), 1.0)
        zeros = np.cumsum(right == 0, axis=-1)
        share = np.where(right == 0, 1 / (2.0**zeros * there), right / there)
        score = 100 * penalty * np.exp(np.mean(np.log(share), axis=-1))
    nothing = (right.sum(axis=-1) == 0) | (there.min(axis=-1) == 0)
    return np.where(nothing, 0.0, score)


def chrf_of(sums: Floats) -> Floats:
    """Return chrF, 0 to 100, of sums (..., 3 * orders): n-grams of the answers, of the references, and those in both.

    As sacrebleu's `CHRF` with its defaults: the mean over the orders that both have.
    """
    import numpy as np

    given, wanted, both = sums[..., 0::3], sums[..., 1::3], sums[..., 2::3]
    counts = (given > 0) & (wanted > 0)
    orders = np.maximum(counts.sum(axis=-1), 1)
    with np.errstate(all="ignore"):
        precision = np.where(counts, both / given, 0.0).sum(axis=-1) / orders
        recall = np.where(counts, both / wanted, 0.0).sum(axis=-1) / orders
        score = 100 * (1 + BETA**2) * precision * recall / (BETA**2 * precision + recall)
    return np.where(precision + recall > 0, score, 0.0)


def nats_per_byte_of(sums: Floats) -> Floats:
    """Return how many nats a byte costs, of sums (..., 2): log-probability and bytes."""
    import numpy as np

    return np.asarray(-sums[..., 0] / sums[..., 1])


COMBINE: Mapping[str, Combine] = MappingProxyType({"bleu": bleu_of, "chrf": chrf_of, "nats_per_byte": nats_per_byte_of})
"""By the name of the aggregation."""


def bleu(items: Sequence[Sequence[float]]) -> float:
    """Return the corpus BLEU of the documents' summands, (documents, 10)."""
    return _together(bleu_of, items)


def chrf(items: Sequence[Sequence[float]]) -> float:
    """Return the corpus chrF of the documents' summands, (documents, 3 * orders)."""
    return _together(chrf_of, items)


def nats_per_byte(items: Sequence[Sequence[float]]) -> float:
    """Return the nats per byte of the documents' (log-probability, bytes)."""
    return _together(nats_per_byte_of, items)


def _together(combine: Combine, items: Sequence[Sequence[float]]) -> float:
    import numpy as np

    if not items:
        return math.nan
    return float(combine(np.asarray(items, dtype=np.float64).sum(axis=0)))
