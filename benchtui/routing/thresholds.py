"""A threshold chosen on one half of the documents, and what it does on the other.

The best of several thresholds looks better on the documents that it was chosen on than it is. And a share of tokens has
the error of a share of documents: the tokens of one text are unsure together.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchtui.evidence.records import ALPHA
from benchtui.routing.paired import Paired, chance_of_no_more, paired
from benchtui.routing.rules import Threshold, resolve
from benchtui.routing.signals import known
from benchtui.tokens.estimates import share
from benchtui.tokens.summary import Estimate


class Verdict(msgspec.Struct, frozen=True):
    """Whether the rule is at most `margin` worse than the large model alone (on the score's scale, 0..1): the
    difference, rule minus large, the one-sided p-value that it is worse by the margin or more, and whether that is
    `shown` to be false at 5 %."""

    margin: float
    difference: Paired
    p: float
    shown: bool


def calibrates(doc_hashes: Sequence[str], seed: int = 0) -> NDArray[np.bool_]:
    """Return which documents (n,) are for choosing a threshold; the others are for reporting what it does.

    Decided for each by its hash and the `seed` alone, a half on average: the same whatever other documents there are,
    in whatever order. Documents of the same content are on one side.
    """
    digests = (hashlib.sha256(f"{seed}\0{each}".encode()).digest() for each in doc_hashes)
    return np.array([digest[0] < 128 for digest in digests], np.bool_)


def for_share(values: ArrayLike, wanted: float) -> Threshold:
    """Return the threshold above which the share `wanted` (0..1) of the measured values (n,) of a signal lies: their
    quantile at 1 - `wanted`, as it may be written ("p70" for 0.3), to a thousandth of a percent. Raises ValueError for
    another share and where nothing was measured."""
    if not 0 <= wanted <= 1:
        raise ValueError(f"a share of {wanted:g}: must be from 0 to 1")
    percent = round(100 * (1 - wanted), 3)
    return Threshold(math.inf, math.inf) if percent == 100 else resolve(f"p{percent:g}", values)


def held_out_share(signals: Sequence[ArrayLike], threshold: float) -> Estimate:
    """Estimate the share of places at which a signal reaches the threshold, from its values in each document: tokens,
    or one value a document. Its interval takes documents as the units."""
    found = [known(each) for each in signals]
    reached = np.array([(each >= threshold).sum() for each in found], np.float64)
    sizes = np.array([len(each) for each in found], np.float64)
    return share(reached, sizes, int(sizes.sum()))


def verdict(
    rule: ArrayLike, large: ArrayLike, margin: float, weights: ArrayLike | None = None, *, bounded: bool = True
) -> Verdict:
    """Judge a rule against the large model alone, from both scores of each document (n,) that the threshold was not
    chosen on: 0..1, higher is better, and what each counts (None: alike). Raises ValueError for a margin outside
    0..1."""
    if not 0 <= margin <= 1:
        raise ValueError(f"a margin of {margin:g}: must be from 0 to 1")
    p = chance_of_no_more(large, rule, -margin, weights, bounded=bounded)
    return Verdict(margin, paired(large, rule, weights, bounded=bounded), p, p < ALPHA)
