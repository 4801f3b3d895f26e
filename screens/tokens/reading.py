"""What the screens read of a comparison by token, in threads: from the store and the summary, nothing is computed by
models."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchtui.reports.tokens.cells_of_text import ColouredText, coloured_text
from benchtui.reports.tokens.metrics import METRICS, TokenMetric
from benchtui.results.tokens import TokensResults
from benchtui.tokens.records import PairScores, TextTokens, TokenDocument, TokenScores
from benchtui.tokens.vocabulary import StoredVocabulary

FAR = "95%"
"""The quantile of a run's tokens from which on one is a divergence to jump to."""


@dataclass(frozen=True)
class Sides:
    """The models that are looked at: two that were compared, the reference first, or one twice."""

    first: int
    second: int

    @property
    def compared(self) -> bool:
        """Whether these are two models."""
        return self.first != self.second

    @property
    def models(self) -> tuple[int, ...]:
        """Their numbers."""
        return (self.first, self.second) if self.compared else (self.second,)


def all_sides(found: TokensResults) -> list[Sides]:
    """What can be looked at: the pairs that were compared, the reference with the last model first; each model alone
    where there is no pair."""
    labels, pairs = found.store.header.labels, found.store.pairs
    if not pairs:
        return [Sides(number, number) for number in reversed(range(len(labels)))]
    main = (0, len(labels) - 1)
    return [Sides(*pair) for pair in sorted(pairs, key=lambda pair: (pair != main, pair))]


def metrics_of(sides: Sides) -> list[TokenMetric]:
    """What a text can be coloured by."""
    return [metric for metric in METRICS.values() if sides.compared or not metric.of_pair]


@dataclass(frozen=True)
class ReadDocument:
    """A document as the token view shows it. `scores` has one entry for each of the models, `labels` and `vocabularies`
    as well; `threshold` is what a token must reach to be a divergence (`ranked` has what is compared with it)."""

    number: int
    sides: Sides
    metric: TokenMetric
    about: TokenDocument
    tokens: TextTokens
    text: ColouredText
    labels: tuple[str, ...]
    scores: tuple[TokenScores, ...]
    vocabularies: tuple[StoredVocabulary, ...]
    pair: PairScores | None
    threshold: float

    @property
    def ranked(self) -> NDArray[np.float32]:
        """JS, of one model alone its entropy: what divergences are jumped to by."""
        return self.pair.js if self.pair is not None else self.scores[-1].entropy

    @property
    def far(self) -> NDArray[np.int64]:
        """The tokens that reach the threshold."""
        found: NDArray[np.int64] = np.flatnonzero((self.ranked >= self.threshold) & (self.ranked > 0))
        return found


def read_document(found: TokensResults, sides: Sides, metric: TokenMetric, number: int) -> ReadDocument:
    """Read a document of the store. Raises BenchtuiError where that cannot be read."""
    store, models = found.store, sides.models
    texts = store.texts(sides.second)
    return ReadDocument(
        number,
        sides,
        metric,
        texts.documents[number],
        texts.tokens[number],
        coloured_text(store, metric, sides.first, sides.second, number),
        tuple(store.header.labels[model] for model in models),
        tuple(store.scores(model, number) for model in models),
        tuple(store.vocabulary(model) for model in models),
        store.pair(sides.first, sides.second, number) if sides.compared else None,
        threshold_of(found, sides),
    )


def threshold_of(found: TokensResults, sides: Sides) -> float:
    """The 95 % quantile of the run: of the pair's JS, of one model's entropy."""
    summary = found.summary
    if sides.compared:
        pairs = [one for one in summary.pairs if (one.first, one.second) == (sides.first, sides.second)]
        spread = pairs[0].spreads.get("js") if pairs else None
    else:
        spread = summary.models[sides.second].entropies if sides.second < len(summary.models) else None
    known = spread.quantiles.get(FAR) if spread is not None else None
    return known if known is not None else math.inf


@dataclass(frozen=True)
class ListedDocument:
    """A document in the list: `js` and `largest` are the mean and the greatest of its scored tokens' JS (of one model
    alone, of their entropy), NaN where it has none."""

    number: int
    about: TokenDocument
    tokens: int
    js: float
    largest: float


def list_documents(found: TokensResults, sides: Sides) -> Sequence[ListedDocument]:
    """List the documents that were compared, in the order of the texts. Raises BenchtuiError where the store cannot be
    read."""
    store = found.store
    texts = store.texts(sides.second)
    column = (
        store.pair_column(sides.first, sides.second, "js") if sides.compared else store.column(sides.second, "entropy")
    )
    listed = []
    for number, (begin, end) in enumerate(zip(texts.offsets[:-1].tolist(), texts.offsets[1:].tolist(), strict=True)):
        own = column[begin:end]
        own = own[np.isfinite(own)]
        mean, most = (float(own.mean(dtype=np.float64)), float(own.max())) if len(own) else (math.nan, math.nan)
        listed.append(ListedDocument(number, texts.documents[number], end - begin, mean, most))
    return listed


def chosen_documents(
    listed: Iterable[ListedDocument], words: str, *, flipped: bool, by_js: bool
) -> list[ListedDocument]:
    """The documents that have `words` in place, prompt or answer (case is ignored), only those that changed side where
    `flipped`; the largest mean first where `by_js`."""
    wanted = " ".join(words.split()).casefold()
    chosen = [one for one in listed if (not flipped or changed_side(one.about)) and _has(one.about, wanted)]
    if by_js:
        chosen.sort(key=lambda one: -math.inf if math.isnan(one.js) else one.js, reverse=True)
    return chosen


def changed_side(about: TokenDocument) -> bool:
    """Whether a document became right or wrong from the first run to the second."""
    return about.change in ("fixed", "broken")


def _has(about: TokenDocument, wanted: str) -> bool:
    return not wanted or any(
        wanted in text.casefold() for text in (about.place, about.written_by, about.prompt, about.answer)
    )
