"""Ties tokens to a benchmark's scores: do the models differ more in the documents that changed side, and where first?

The texts are what runs have stored, so that nothing is generated again. Every model reads what each of them answered;
all answers to one question are one group, and one unit of the test.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchtui.tokens.estimates import Groups, Mask
from benchtui.tokens.parting import replacements
from benchtui.tokens.records import TextTokens, TokenDocument
from benchtui.tokens.store import DistributionStore, documents_of
from benchtui.tokens.summary import FlippedDocument, Flips

FLIPPED = ("fixed", "broken")


def flips(store: DistributionStore, first: int, second: int, groups: Groups) -> Flips | None:
    """Compare the documents that changed side with those that did not; None where none changed."""
    texts = store.texts(first)
    changed = [number for number, document in enumerate(texts.documents) if document.change in FLIPPED]
    if not changed:
        return None
    js, before = store.pair_column(first, second, "js"), before_the_scored_part(store, first)
    means = _group_means(js, before, groups)
    units = np.array([document.change for document in texts.documents])
    flipped = np.unique(groups.of_documents[np.isin(units, FLIPPED)])
    others = np.unique(groups.of_documents[units == "same"])
    p, larger = _tested(means[flipped], means[others])
    where = np.isin(groups.of_tokens, flipped)
    return Flips(
        first,
        second,
        tuple(_document(store, first, second, number, means, groups) for number in _one_a_group(changed, groups)),
        len(others),
        p,
        larger,
        tuple(replacements(store, first, second, groups, where)),
    )


def before_the_scored_part(store: DistributionStore, model: int) -> Mask:
    """Return which scored tokens stand before the part of their answer that decided the score.

    Where that part is not known, all tokens of the answer; where nothing that is scored stands before it, none.
    """
    found = [_before(document, tokens) for document, tokens in documents_of(store.texts(model))]
    return np.concatenate([np.zeros(0, np.bool_), *found])


def _before(document: TokenDocument, tokens: TextTokens) -> Mask:
    if document.span is None:
        return np.arange(tokens.first, len(tokens.ids)) >= tokens.answer
    begin = len(document.prompt) + document.span[0]
    found: Mask = (tokens.ends <= begin)[tokens.first :] & (tokens.starts < begin)[tokens.first :]
    return found


def _group_means(js: NDArray[np.float32], where: Mask, groups: Groups) -> NDArray[np.float64]:
    """The mean of each group [groups], NaN where it has none of the tokens."""
    of = groups.of_tokens[where]
    sums, counts = np.bincount(of, js[where], groups.count), np.bincount(of, minlength=groups.count)
    found: NDArray[np.float64] = np.divide(sums, counts, out=np.full(groups.count, np.nan), where=counts > 0)
    return found


def _tested(flipped: NDArray[np.float64], others: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """The two-sided p-value of the Mann-Whitney test, and the share of pairs in which the flipped one is greater, ties
    as half."""
    from scipy.stats import mannwhitneyu

    flipped, others = flipped[~np.isnan(flipped)], others[~np.isnan(others)]
    if not len(flipped) or not len(others):
        return None, None
    found = mannwhitneyu(flipped, others, alternative="two-sided")
    return float(found.pvalue), float(found.statistic) / (len(flipped) * len(others))


def _one_a_group(documents: Sequence[int], groups: Groups) -> list[int]:
    """The first document of each group."""
    return list({int(groups.of_documents[number]): number for number in reversed(documents)}.values())[::-1]


def _document(
    store: DistributionStore, first: int, second: int, number: int, means: NDArray[np.float64], groups: Groups
) -> FlippedDocument:
    parts = np.flatnonzero(~store.pair(first, second, number).same_top)
    mean = float(means[groups.of_documents[number]])
    return FlippedDocument(
        number,
        store.texts(first).documents[number].change,
        int(parts[0]) if len(parts) else None,
        None if np.isnan(mean) else mean,
    )
