"""Chooses the documents of a page and collects what its script shows of each token."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from benchtui.reports.tokens.cells_of_text import ColouredText, Piece, coloured_text
from benchtui.reports.tokens.metrics import METRICS, TokenMetric, steps_of, values_of
from benchtui.reports.wording.tokens import Unit, number, quoted

if TYPE_CHECKING:
    from benchtui.tokens.store import DistributionStore
    from benchtui.tokens.summary import TokensSummary

MOST_DOCUMENTS = 200
MOST_TOKENS = 40_000
"""Of a page: it stays below some 15 MB."""
LISTED = 5


@dataclass(frozen=True)
class PageDocument:
    """A document of a page: its number in the store, how far the models are apart there (mean JS in nats, None where
    nothing was compared), and its pieces."""

    number: int
    js: float | None
    coloured: ColouredText


def chosen_documents(
    store: DistributionStore, summary: TokensSummary, pair: tuple[int, int], metric: TokenMetric
) -> Iterator[PageDocument]:
    """Yield the documents that a page has room for: those that changed side first, then by their mean JS, the greatest
    first; where nothing was compared, in the order of the texts."""
    first, second = pair
    texts = store.texts(second)
    means: list[float | None] = [None] * len(texts.documents)
    order = list(range(len(texts.documents)))
    if first != second:
        js, offsets = store.pair_column(first, second, "js").astype(np.float64), texts.offsets
        means = [float(js[a:b].mean()) if b > a else None for a, b in pairwise(offsets)]
        flipped = {each.document for each in summary.flips.flipped} if summary.flips else set()
        order.sort(key=lambda n: (n not in flipped, -(means[n] or 0.0)))
    room = MOST_TOKENS
    for document in order[:MOST_DOCUMENTS]:
        if room <= 0:
            return
        coloured = coloured_text(store, metric, first, second, document, room)
        room -= len(coloured.pieces)
        yield PageDocument(document, means[document], coloured)


def page_metrics(pair: tuple[int, int]) -> list[TokenMetric]:
    """Return the metrics that a page offers, the first one chosen."""
    return [metric for metric in METRICS.values() if pair[0] != pair[1] or not metric.of_pair]


def script_data(
    store: DistributionStore, documents: Sequence[PageDocument], pair: tuple[int, int], unit: Unit
) -> dict[str, Any]:
    """Return what the script reads: of each document the steps of each metric, a digit a token, and of each token the
    likeliest tokens of the models, as numbers in one list of tokens."""
    known: dict[str, int] = {}
    told = [_document(store, each, pair, unit, known) for each in documents]
    labels = [store.header.labels[model] for model in dict.fromkeys(pair)]
    return {"labels": labels, "tokens": list(known), "documents": told, "far": 4}


def _document(
    store: DistributionStore, document: PageDocument, pair: tuple[int, int], unit: Unit, known: dict[str, int]
) -> dict[str, Any]:
    scored = [piece for piece in document.coloured.pieces if piece.first >= 0]
    steps = {}
    for metric in page_metrics(pair):
        found = steps_of(metric, values_of(store, metric, *pair, document.number))
        steps[metric.name] = "".join(str(max(found[piece.first : piece.last + 1])) for piece in scored)
    return {
        "steps": steps,
        "changed": "".join("01"[piece.changed] for piece in scored),
        "pieces": list(_pieces(store, document.number, scored, pair, unit, known)),
    }


def _pieces(
    store: DistributionStore,
    document: int,
    scored: Sequence[Piece],
    pair: tuple[int, int],
    unit: Unit,
    known: dict[str, int],
) -> Iterator[dict[str, Any]]:
    models = list(dict.fromkeys(pair))
    scores = [store.scores(model, document) for model in models]
    compared = store.pair(*pair, document) if len(models) == 2 else None
    own = store.texts(models[-1]).tokens[document].scored
    for piece in scored:
        at = piece.first
        facts = [
            f"{store.header.labels[model]}: entropy {number(unit.factor * float(one.entropy[at]))}, rank "
            f"{int(one.rank[at]):,}, p {math.exp(float(one.logprob[at])):.3f}"
            for model, one in zip(models, scores, strict=True)
        ]
        if compared is not None:
            least = "≥" if compared.bound == "lower" else ""
            facts.insert(0, f"JS {least}{number(unit.factor * float(compared.js[at]))}")
        more = f" to {piece.last + 1}, one character" if piece.last > at else ""
        tops = [
            [
                [_numbered(quoted(store.vocabulary(model).text(int(token))), known), f"{math.exp(float(logprob)):.3f}"]
                for token, logprob in zip(one.top_ids[at][:LISTED], one.top_logprobs[at][:LISTED], strict=True)
                if token >= 0
            ]
            for model, one in zip(models, scores, strict=True)
        ]
        text = quoted(store.vocabulary(models[-1]).text(int(own[at])))
        yield {"about": f"token {at + 1}{more} {text} · {' · '.join(facts)}", "own": known.get(text, -1), "tops": tops}


def _numbered(token: str, known: dict[str, int]) -> int:
    return known.setdefault(token, len(known))
