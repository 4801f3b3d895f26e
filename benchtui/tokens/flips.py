"""Ties tokens to a benchmark's scores: do the models differ more in the documents that changed side, and where first?

The texts are what runs have stored, so that nothing is generated again. Every model reads what each of them answered;
all answers to one question are one group, and one unit of the test.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from benchtui.evidence.ranks import rank_test
from benchtui.tokens.estimates import Groups, Mask
from benchtui.tokens.parting import replacements
from benchtui.tokens.records import TextTokens, TokenDocument
from benchtui.tokens.store import DistributionStore, TextSet, documents_of
from benchtui.tokens.summary import FlippedDocument, Flips

FLIPPED = ("fixed", "broken")


def flips(store: DistributionStore, first: int, second: int, groups: Groups) -> Flips | None:
    """Compare the documents that changed side with those that did not; None where none changed."""
    documents = store.texts(first).documents
    changed = [number for number, document in enumerate(documents) if document.change in FLIPPED]
    if not changed:
        return None
    js = store.pair_column(first, second, "js")
    means = _group_means(js, before_the_scored_part(store, first), groups)
    flipped = _groups_of(documents, FLIPPED, groups)
    others = _groups_of(documents, ("same",), groups)
    test = rank_test(
        [(_known(means[flipped[task]]), _known(means[others[task]])) for task in flipped if task in others]
    )
    where = np.isin(groups.of_tokens, np.concatenate(list(flipped.values())))
    return Flips(
        first,
        second,
        tuple(_document(store, first, second, number, means, groups) for number in _one_a_group(changed, groups)),
        sum(map(len, others.values())),
        None if test is None else test.p,
        None if test is None else test.larger,
        tuple(replacements(store, first, second, groups, where)),
    )


def before_the_scored_part(store: DistributionStore, model: int) -> Mask:
    """Return which scored tokens stand before the part of their answer that decided the score.

    All tokens of the answers to a task, where nothing stands before that part in any of them, and of an answer where it
    is not known which part that is.
    """
    texts = store.texts(model)
    whole = read_as_a_whole(texts)
    found = [
        _of_answer(tokens) if document.task in whole else _before(document, tokens)
        for document, tokens in documents_of(texts)
    ]
    return np.concatenate([np.zeros(0, np.bool_), *found])


def read_as_a_whole(texts: TextSet) -> list[str]:
    """Return the tasks of which nothing that is scored by token stands before the part that decided the score."""
    some = {document.task for document, tokens in documents_of(texts) if _before(document, tokens).any()}
    return list(dict.fromkeys(document.task for document in texts.documents if document.task not in some))


def _before(document: TokenDocument, tokens: TextTokens) -> Mask:
    if document.span is None:
        return _of_answer(tokens)
    begin = len(document.prompt) + document.span[0]
    found: Mask = (tokens.ends <= begin)[tokens.first :] & (tokens.starts < begin)[tokens.first :]
    return found


def _of_answer(tokens: TextTokens) -> Mask:
    return np.arange(tokens.first, len(tokens.ids)) >= tokens.answer


def _group_means(js: NDArray[np.float32], where: Mask, groups: Groups) -> NDArray[np.float64]:
    """The mean of each group [groups], NaN where it has none of the tokens."""
    of = groups.of_tokens[where]
    sums, counts = np.bincount(of, js[where], groups.count), np.bincount(of, minlength=groups.count)
    found: NDArray[np.float64] = np.divide(sums, counts, out=np.full(groups.count, np.nan), where=counts > 0)
    return found


def _known(means: NDArray[np.float64]) -> NDArray[np.float64]:
    return means[~np.isnan(means)]


def _groups_of(
    documents: Sequence[TokenDocument], changes: Collection[str], groups: Groups
) -> dict[str, NDArray[np.int32]]:
    """By task, the groups whose documents changed so."""
    found: dict[str, dict[int, None]] = {}
    for group, document in zip(groups.of_documents.tolist(), documents, strict=True):
        if document.change in changes:
            found.setdefault(document.task, {})[group] = None
    return {task: np.array(list(those), np.int32) for task, those in found.items()}


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
