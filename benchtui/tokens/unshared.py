"""What can be compared of two models whose tokenizers differ: the surprisal between the boundaries that both have."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchtui.tokens.estimates import Groups, at_least_zero
from benchtui.tokens.spans import common_spans
from benchtui.tokens.store import DistributionStore
from benchtui.tokens.summary import SpanStatistics
from benchtui.tokens.vocabulary import shown_token


def unshared_pairs(store: DistributionStore) -> Iterator[tuple[int, int]]:
    """Yield the pairs of models that were to be compared and read the same texts as other tokens."""
    if store.header.mode == "given":
        for first, second in store.header.pairs:
            if store.models[first].texts != store.models[second].texts:
                yield first, second


def span_statistics(store: DistributionStore, first: int, second: int, groups: Groups) -> SpanStatistics:
    """Compare two models in nats per byte. `groups` are those of the first model's documents."""
    one, other = store.texts(first), store.texts(second)
    nats, sizes, counts = np.zeros((2, len(one.documents))), np.zeros(len(one.documents)), np.zeros(3, np.int64)
    for number, document in enumerate(one.documents):
        spans = common_spans(one.tokens[number], other.tokens[number])
        sides = ((first, spans.first), (second, spans.second))
        sums = [spans.sums(-store.scores(model, number).logprob, of) for model, of in sides]
        known = np.isfinite(sums[0]) & np.isfinite(sums[1])
        nats[:, number] = [found[known].sum() for found in sums]
        sizes[number] = spans.sizes(document.text)[known].sum()
        counts += [known.sum(), (spans.first >= 0).sum(), (spans.second >= 0).sum()]
    sums_of_first, sums_of_second = nats
    parts, of_first, of_second = counts.tolist()
    return SpanStatistics(
        first,
        second,
        why_unshared(store, first, second),
        parts,
        int(sizes.sum()),
        at_least_zero(groups.document_ratio(sums_of_first, sizes, of_first)),
        at_least_zero(groups.document_ratio(sums_of_second, sizes, of_second)),
        groups.document_ratio(sums_of_second - sums_of_first, sizes, parts),
    )


def why_unshared(store: DistributionStore, first: int, second: int) -> str:
    """Return the first id that is not the same token in both: "id 512 is " the" in A and " a" in B"."""
    one, other = store.vocabulary(first), store.vocabulary(second)
    at = one.first_difference(other)
    if at is None:
        return "their tokens are the same, but not the texts that they read"
    labels = [store.header.labels[number] for number in (first, second)]
    tokens = [f'"{shown_token(each.text(at), 30)}"' if at < len(each) else "no token" for each in (one, other)]
    return f"id {at} is {tokens[0]} in {labels[0]} and {tokens[1]} in {labels[1]}"
