"""Finds where two models part: what one would write in place of the other, what was learnt and forgotten, and where the
models are furthest from each other."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchtui.tokens.classes import class_statistics
from benchtui.tokens.estimates import Groups, Mask, Numbers
from benchtui.tokens.store import DistributionStore, TextSet
from benchtui.tokens.summary import Parting, Place, Replacement, TokenChange

LISTED = 30
"""Replacements and tokens in each list, the most frequent or greatest first."""
PLACES = 5
"""Places of each, those of the greatest JS or change first."""
ROUNDING = 1e-6
"""A JS up to here, in nats, can be that of equal distributions in float32."""
FURTHEST = 100
SURE, DIFFERENT = 0.2, 0.95
"""Quantiles: silent errors are where the first model's entropy is at most the one and the KL at least the other."""

CLEAR = math.log(2) / 2
"""The JS, half of its greatest value, from which a replacement is clear: else it may be one of two equal tokens."""

_ID_BITS = 32


def parting(store: DistributionStore, first: int, second: int, groups: Groups) -> Parting:
    """Compute where two models that read the same texts part."""
    texts = store.texts(first)
    js = store.pair_column(first, second, "js")
    learnt, forgotten = _changes(store, first, second)
    silent, share = _silent(store, first, second)
    return Parting(
        first,
        second,
        tuple(class_statistics(store, first, second, groups)),
        tuple(replacements(store, first, second, groups)),
        learnt,
        forgotten,
        furthest=_places(texts, _greatest(np.where(js > ROUNDING, js, np.nan), FURTHEST)),
        silent=_places(texts, silent),
        silent_share=share,
    )


def replacements(
    store: DistributionStore, first: int, second: int, groups: Groups, where: Mask | None = None
) -> Iterator[Replacement]:
    """Yield the most frequent changes of the likeliest token, among the scored tokens that `where` says: by how often
    they are clear, then by how often there are any."""
    one, other = top_ids(store, first), top_ids(store, second)
    changed = (one != other) & (one >= 0) & (other >= 0)
    at = np.flatnonzero(changed if where is None else changed & where)
    js = store.pair_column(first, second, "js")[at].astype(np.float64)
    keys, which, counts = np.unique(_pairs_of(one[at], other[at]), return_inverse=True, return_counts=True)
    totals, clear = np.bincount(which, js, len(keys)), np.bincount(which, js >= CLEAR, len(keys)).astype(np.int64)
    units = np.unique(_pairs_of(which, groups.of_tokens[at]))
    in_groups = np.bincount(units >> _ID_BITS, minlength=len(keys))
    vocabulary, texts = store.vocabulary(first), store.texts(first)
    for number in np.lexsort((-totals, -counts, -clear))[:LISTED]:
        key = int(keys[number])
        first_id, second_id = key >> _ID_BITS, key & ((1 << _ID_BITS) - 1)
        mine = np.flatnonzero(which == number)
        yield Replacement(
            first_id,
            second_id,
            vocabulary.text(first_id),
            vocabulary.text(second_id),
            int(counts[number]),
            int(in_groups[number]),
            float(totals[number]),
            _places(texts, at[mine[_greatest(js[mine], PLACES)]]),
            int(clear[number]),
        )


def top_ids(store: DistributionStore, model: int) -> NDArray[np.int64]:
    """The likeliest token of a model at every scored token, -1 where it is not known."""
    shards = range(len(store.texts(model).shards) - 1)
    found = [store.shard(model, shard).read("top_ids")[:, 0] for shard in shards]
    return np.concatenate(found).astype(np.int64)


def _changes(store: DistributionStore, first: int, second: int) -> tuple[tuple[TokenChange, ...], ...]:
    """The tokens of the texts whose logarithm of the probability rose most in all, and those where it fell most."""
    texts = store.texts(first)
    with np.errstate(invalid="ignore"):
        change = store.column(second, "logprob").astype(np.float64) - store.column(first, "logprob")
    known = np.flatnonzero(np.isfinite(change))
    ids = np.concatenate([tokens.scored for tokens in texts.tokens])[known]
    change = change[known]
    tokens, which, counts = np.unique(ids, return_inverse=True, return_counts=True)
    totals = np.bincount(which, change, len(tokens))
    vocabulary = store.vocabulary(first)

    def listed(sign: int) -> Iterator[TokenChange]:
        for number in np.argsort(-sign * totals, kind="stable")[:LISTED]:
            if sign * totals[number] > 0:
                mine = np.flatnonzero(which == number)
                places = _places(texts, known[mine[_greatest(sign * change[mine], PLACES)]])
                token = int(tokens[number])
                yield TokenChange(token, vocabulary.text(token), int(counts[number]), float(totals[number]), places)

    return tuple(listed(1)), tuple(listed(-1))


def _silent(store: DistributionStore, first: int, second: int) -> tuple[NDArray[np.int64], float]:
    """Where the first model is sure and the second differs, the greatest KL first, and the share of such tokens."""
    entropy, kl = store.column(first, "entropy"), store.pair_column(first, second, "kl")
    known = np.isfinite(entropy) & ~np.isnan(kl)
    if not known.any():
        return np.zeros(0, np.int64), 0.0
    sure = entropy <= np.quantile(entropy[known], SURE)
    different = (kl > 0) & (kl >= np.quantile(kl[known], DIFFERENT, method="lower"))
    at = np.flatnonzero(known & sure & different)
    return at[_greatest(kl[at], FURTHEST)], len(at) / int(known.sum())


def _pairs_of(one: NDArray[np.int64], other: Numbers) -> NDArray[np.int64]:
    found: NDArray[np.int64] = (one.astype(np.int64) << _ID_BITS) | other.astype(np.int64)
    return found


def _greatest(values: Numbers, most: int) -> NDArray[np.int64]:
    """The numbers of the greatest values, those first; of equal ones the earlier; none of NaN."""
    known = np.flatnonzero(~np.isnan(values))
    if len(known) > most:
        least = np.partition(values[known], len(known) - most)[len(known) - most]
        known = known[values[known] >= least]
    return known[np.argsort(-values[known], kind="stable")][:most]


def _places(texts: TextSet, at: NDArray[np.int64]) -> tuple[Place, ...]:
    documents = np.searchsorted(texts.offsets, at, side="right") - 1
    return tuple(
        Place(int(document), int(number - texts.offsets[document]))
        for document, number in zip(documents, at, strict=True)
    )
