"""A summary of a made store, computed here the plain way: means of the store's own columns."""

from __future__ import annotations

import numpy as np

from benchtui.tokens.store import DistributionStore
from benchtui.tokens.summary import (
    ClassStatistics,
    Estimate,
    FlippedDocument,
    Flips,
    ModelStatistics,
    PairStatistics,
    Parting,
    Place,
    Replacement,
    Spread,
    TokenChange,
    TokensSummary,
)


def made_summary(store: DistributionStore) -> TokensSummary:
    """Return a summary with a pair for each of the store's."""
    pairs = tuple(_pair(store, first, second) for first, second in store.pairs)
    return TokensSummary(
        "given",
        store.header.texts,
        store.header.documents,
        tuple(_model(store, number) for number in range(len(store.header.labels))),
        pairs,
        tuple(_parting(store, pair.first, pair.second) for pair in pairs),
        _flips(pairs[-1]),
        notes=("2 documents have prompts that did not fit.",),
    )


def made_own_summary(store: DistributionStore) -> TokensSummary:
    """Return a summary of models that wrote their own texts."""
    models = tuple(_model(store, number) for number in range(len(store.header.labels)))
    return TokensSummary("own", store.header.texts, store.header.documents, models)


def estimate(values: np.ndarray, documents: int) -> Estimate:
    mean = float(np.mean(values))
    return Estimate(mean, len(values), documents, 0.01, mean - 0.02, mean + 0.02)


def _model(store: DistributionStore, number: int) -> ModelStatistics:
    documents = store.header.documents
    surprisal, entropy = -store.column(number, "logprob"), store.column(number, "entropy")
    of = estimate(surprisal, documents)
    return ModelStatistics(
        store.header.labels[number], documents, len(surprisal), of, Estimate(float(np.exp(of.value or 0)), of.n, 3),
        of, estimate(entropy, documents), of, of, Spread({"50%": float(np.median(entropy))}, float(entropy.max())),
    )  # fmt: skip


def _pair(store: DistributionStore, first: int, second: int) -> PairStatistics:
    documents = store.header.documents
    js, kl, back, tv = (store.pair_column(first, second, name) for name in ("js", "kl", "kl_reverse", "tv"))
    same = (store.pair_column(first, second, "shift") == 1).astype(float)
    one, other = (store.column(number, "logprob") for number in (first, second))
    delta_p = np.exp(other) - np.exp(one)
    spreads = {
        name: Spread({f"{q}%": float(np.quantile(values, q / 100)) for q in (50, 99, 99.9)}, float(values.max()))
        for name, values in (("js", js), ("kl", kl), ("kl_reverse", back), ("tv", tv))
    }
    return PairStatistics(
        first, second, "exact",
        *(estimate(values, documents) for values in (kl, back, js, tv, same, delta_p, delta_p, other - one, js)),
        spreads, 0.5, 0.3, 0.2, ((0, estimate(js[:3], 3)), (1, estimate(js[3:], 3))),
    )  # fmt: skip


def _parting(store: DistributionStore, first: int, second: int) -> Parting:
    js = store.pair(first, second, 0).js
    of, place = estimate(js, 1), Place(0, int(js.argmax()))
    return Parting(
        first, second, (ClassStatistics("digits", len(js), of, of, of, of, of),),
        (Replacement(1, 2, " 9", "\n<<", 311, 40, 1.5, (place,)),),
        (TokenChange(3, " <<", 50, 12.5, (place,)),), (TokenChange(4, "\n\n", 20, -7.0, (place,)),),
        (place,), (place,), 0.003,
    )  # fmt: skip


def _flips(pair: PairStatistics) -> Flips:
    changed = (FlippedDocument(0, "fixed", 2, 0.4), FlippedDocument(1, "broken", None, 0.3))
    return Flips(pair.first, pair.second, changed, 10, 0.012, 0.81)
