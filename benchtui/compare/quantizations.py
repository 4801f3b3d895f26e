"""Several quantisations of one model against their parent: which is the smallest that is not shown to be worse."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchtui.compare.differences.difference import chance_of_no_less, chance_of_no_more
from benchtui.compare.records import Comparison, Row
from benchtui.evidence.corrections import holm
from benchtui.evidence.means import mean_interval, units_of
from benchtui.evidence.pairing import pair_documents
from benchtui.evidence.records import ALPHA, Interval
from benchtui.results.samples import Sample


@dataclass(frozen=True)
class PerplexityRatio:
    """How many times as large the second model's perplexity is, over `n` documents that both were asked; `interval` is
    None where too few documents bound it."""

    value: float
    interval: Interval | None
    n: int


def perplexity_ratio(first: Sequence[Sample], second: Sequence[Sample], metric: str) -> PerplexityRatio | None:
    """Compute the ratio of two perplexities, document by document: exp of the mean difference in nats a unit (word or
    byte), each document weighing as many as it has. `metric` is one whose samples are pairs of log-likelihood and
    units, as lm-eval's word_perplexity. None where no document has both."""
    pairs = [
        (one, other)
        for a, b in pair_documents(first, second).pairs
        if (one := dict(a.values).get(metric)) is not None and (other := dict(b.values).get(metric)) is not None
    ]
    told = [(one, other) for one, other in pairs if isinstance(one, list) and isinstance(other, list)]
    if not told:
        return None
    lost = np.array([one[0] - other[0] for one, other in told], dtype=np.float64)
    units = np.array([one[1] for one, _ in told], dtype=np.float64)
    whole = float(units.sum())
    found = units_of(lost / whole, units / whole, None)
    ends = mean_interval(found) if found is not None else None
    interval = Interval(math.exp(ends.low), math.exp(ends.high)) if ends is not None else None
    return PerplexityRatio(math.exp(float(lost.sum()) / whole), interval, len(told))


def shown_worse(comparisons: Mapping[str, Comparison]) -> dict[str, float]:
    """Return for each quantisation the p-value of the claim that some task got worse than its parent, corrected by Holm
    over every task of every quantisation: they all are compared with the same parent. 1 where nothing can be tested."""
    tested = [
        (name, _chance_of_no_loss(row))
        for name, comparison in comparisons.items()
        for row in comparison.headlines
        if row.difference is not None
    ]
    asked = max(sum(comparison.tests for comparison in comparisons.values()), len(tested))
    corrected = holm([*(p for _, p in tested), *[1.0] * (asked - len(tested))])
    smallest = dict.fromkeys(comparisons, 1.0)
    for (name, _), p in zip(tested, corrected, strict=False):
        smallest[name] = min(smallest[name], p)
    return smallest


def _chance_of_no_loss(row: Row) -> float:
    """The p-value of a loss, twice the one-sided one: it is looked for whichever way the score moved."""
    assert row.difference is not None  # noqa: S101 - only such rows are asked
    of_less = chance_of_no_less if row.higher_is_better else chance_of_no_more
    return min(1.0, 2 * of_less(row.difference, 0.0))


def smallest_not_worse(comparisons: Mapping[str, Comparison], alpha: float = ALPHA) -> str | None:
    """Return the quantisation with the smallest file that is not shown to be worse than the parent. None where each is,
    or sizes are unknown."""
    worse = shown_worse(comparisons)
    sizes = {name: found.second.speed.weights for name, found in comparisons.items() if found.second.speed}
    good = [(size, name) for name, size in sizes.items() if size is not None and worse[name] >= alpha]
    return min(good)[1] if good else None
