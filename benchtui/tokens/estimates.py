"""Means over tokens, with intervals that know that the tokens of one text are not independent.

A mean over tokens is a ratio of two sums over groups of documents, and its error is that of a ratio of clustered
sums, by linearisation: with residuals e = sum - mean * size of each of G groups, the variance is G/(G-1) * sum(e²) /
(sum of sizes)² (E. Miller, "Adding Error Bars to Evals", arXiv 2411.00640; statsmodels' `cov_type="cluster"`).
Intervals are Student's with G-1 degrees of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchtui.evidence.student import t_interval, t_quantile
from benchtui.tokens.records import TokenDocument
from benchtui.tokens.store import TextSet
from benchtui.tokens.summary import Estimate, Spread

QUANTILES = (99.9, 99.0, 95.0, 90.0, 75.0, 50.0, 25.0, 10.0, 5.0, 1.0)
"""In percent: those of llama.cpp's perplexity tool, interpolated linearly as there."""

Numbers = NDArray[Any]
Mask = NDArray[np.bool_]


class Groups:
    """The groups that the documents of a text set belong to: the units of every estimate over them."""

    def __init__(self, texts: TextSet) -> None:
        self._offsets = texts.offsets
        self.of_documents = numbered(texts.documents)
        self.count = int(self.of_documents.max(initial=-1)) + 1

    @cached_property
    def of_tokens(self) -> NDArray[np.int32]:
        """The group of each scored token."""
        return np.repeat(self.of_documents, np.diff(self._offsets))

    def mean(self, values: Numbers, where: Mask | None = None) -> Estimate:
        """Estimate the mean of a number of each scored token [n], of those `where` says; what is not finite is left
        out."""
        kept = np.isfinite(values) if where is None else where & np.isfinite(values)
        groups = self.of_tokens[kept]
        return ratio(self._sums(groups, values[kept]), self._sums(groups), len(groups))

    def share(self, found: Mask, where: Mask | None = None) -> Estimate:
        """Estimate the share of scored tokens with a property, of those `where` says."""
        kept = slice(None) if where is None else where
        groups = self.of_tokens[kept]
        return share(self._sums(groups, found[kept]), self._sums(groups), len(groups))

    def document_ratio(self, above: Numbers, below: Numbers, n: int) -> Estimate:
        """Estimate the ratio of two sums over documents, of `n` tokens in all."""
        return ratio(self._sums(self.of_documents, above), self._sums(self.of_documents, below), n)

    def _sums(self, groups: NDArray[np.int32], values: Numbers | None = None) -> NDArray[np.float64]:
        return np.bincount(groups, values, self.count).astype(np.float64)


def numbered(documents: Sequence[TokenDocument]) -> NDArray[np.int32]:
    """Return the number of each document's group, in the order in which they first occur."""
    known: dict[str, int] = {}
    return np.array([known.setdefault(document.group, len(known)) for document in documents], np.int32)


def ratio(sums: Numbers, sizes: Numbers, n: int) -> Estimate:
    """Estimate the sum of `sums` (groups,) by that of `sizes` (groups,), of `n` tokens; groups of size 0 do not
    count."""
    sums, sizes = sums[sizes > 0], sizes[sizes > 0]
    groups = len(sizes)
    if groups == 0:
        return Estimate(None, 0, 0)
    value = float(sums.sum() / sizes.sum())
    if groups == 1:
        return Estimate(value, n, 1)
    stderr = float(np.sqrt(groups / (groups - 1) * np.sum((sums - value * sizes) ** 2)) / sizes.sum())
    ends = t_interval(value, stderr, groups)
    return Estimate(value, n, groups, stderr, ends.low, ends.high)


def share(sums: Numbers, sizes: Numbers, n: int) -> Estimate:
    """Estimate a share from how many of the tokens of each group have a property, `sums` of `sizes` (groups,).

    Wilson's interval for as many independent tokens as have this standard error, with Student's t: E. Korn and B.
    Graubard, Survey Methodology 24, 1998. Where all tokens are alike, each group counts as one.
    """
    found = ratio(sums, sizes, n)
    if found.value is None or found.stderr is None:
        return found
    p, variance = found.value, found.stderr**2
    independent = min(p * (1 - p) / variance, n) if variance > 0 else found.groups
    z2 = t_quantile(0.975, found.groups - 1) ** 2
    middle = (p * independent + z2 / 2) / (independent + z2)
    half = math.sqrt(z2 * (p * (1 - p) * independent + z2 / 4)) / (independent + z2)
    return Estimate(p, n, found.groups, found.stderr, max(0.0, middle - half), min(1.0, middle + half))


def at_least_zero(found: Estimate) -> Estimate:
    """Return an estimate of what cannot be below 0, with such an interval."""
    if found.low is None or found.low >= 0:
        return found
    return Estimate(found.value, found.n, found.groups, found.stderr, 0.0, found.high)


def exponential(found: Estimate) -> Estimate:
    """Return the exponential of an estimate: its interval is that of the exponent, its standard error linearised. None
    where it is greater than any number."""
    value, low, high = (_exp(each) for each in (found.value, found.low, found.high))
    stderr = None if value is None or found.stderr is None else value * found.stderr
    return Estimate(value, found.n, found.groups, stderr, low, high)


def root(found: Estimate) -> Estimate:
    """Return the square root of an estimate of a mean square: its interval is the root of that one's."""
    if found.value is None:
        return found
    value = math.sqrt(found.value)
    low, high = (None if end is None else math.sqrt(max(end, 0.0)) for end in (found.low, found.high))
    stderr = None if found.stderr is None else found.stderr / (2 * value) if value else 0.0
    return Estimate(value, found.n, found.groups, stderr, low, high)


def spread(values: Numbers) -> Spread:
    """Return the quantiles of the finite ones of some values, and how many are infinite."""
    finite = values[np.isfinite(values)]
    infinite = int(np.isinf(values).sum())
    if not len(finite):
        return Spread({}, 0.0, infinite)
    found = np.quantile(finite.astype(np.float64), [each / 100 for each in QUANTILES])
    named = {f"{each:g}%": float(value) for each, value in zip(QUANTILES, found, strict=True)}
    return Spread(named, float(finite.max()), infinite)


def _exp(value: float | None) -> float | None:
    return None if value is None or value > 700 else math.exp(value)
