"""Models whose tokenizers differ: nats per byte between the boundaries that both have, and the id that differs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchtui.tokens.records import StoredModel, StoreHeader, TextTokens, TokenDocument
from benchtui.tokens.store import DistributionStore, StoreWriter, TextSet
from benchtui.tokens.summarise import summarise
from benchtui.tokens.vocabulary import StoredVocabulary
from tests.tokens.made_store import log_softmax, scores_of

TEXTS = [f"naïve sum {n} plus {n} is {2 * n} 日本" for n in range(20)]
VOCABULARIES = ([("<s>", True), (" the", False)], [("<s>", True), ("\n", False), ("b", False)])


def store_of_two_tokenizers(folder: Path) -> DistributionStore:
    """One model reads words, the other two characters at once; both begin with a token that is no text and is not
    scored."""
    writer = StoreWriter(folder)
    writer.header(StoreHeader("made", "given", ("words", "pairs"), "made", len(TEXTS), ((0, 1),)))
    documents = [TokenDocument(f"#{n}", "", text, group=str(n // 2)) for n, text in enumerate(TEXTS)]
    rng = np.random.default_rng(3)
    for model, cut in enumerate((_words, _twos)):
        tokens = [_tokens(cut(text)) for text in TEXTS]
        writer.texts(model, TextSet(documents, tokens, [0, 7, len(TEXTS)]))
        for shard, (begin, end) in enumerate(((0, 7), (7, len(TEXTS)))):
            ids = np.concatenate([text.scored for text in tokens[begin:end]])
            writer.shard(model, shard, scores_of(log_softmax(rng.normal(0, 2, (len(ids), 12))), ids), {}, {})
        digest = writer.vocabulary(
            StoredVocabulary.of([(text.encode(), special) for text, special in VOCABULARIES[model]])
        )
        writer.model(model, StoredModel(f"m{model}", model, "hf", "s", "i", "scalars", digest, 12))
    return DistributionStore(folder)


def _words(text: str) -> list[int]:
    return [*(place for place, sign in enumerate(text) if sign == " "), len(text)]


def _twos(text: str) -> list[int]:
    return [*range(2, len(text), 2), len(text)]


def _tokens(cuts: list[int]) -> TextTokens:
    starts, ends = np.array([0, 0, *cuts[:-1]], np.int32), np.array([0, *cuts], np.int32)
    return TextTokens(np.arange(len(ends), dtype=np.int32) % 12, starts, ends, 1, 1)


def test_both_are_summed_between_the_boundaries_that_both_have(tmp_path: Path) -> None:
    store = store_of_two_tokenizers(tmp_path / "tokens")
    summary = summarise(store)
    assert summary.pairs == ()
    (found,) = summary.spans
    common = [sorted({0, *_words(text)} & {0, *_twos(text)}) for text in TEXTS]
    assert found.spans == sum(len(cuts) - 1 for cuts in common)
    assert found.bytes == sum(len(text.encode()) for text in TEXTS)
    totals = [-sum(store.scores(model, n).logprob.sum() for n in range(len(TEXTS))) for model in (0, 1)]
    assert found.first_nats.value == pytest.approx(totals[0] / found.bytes, rel=1e-6)
    assert found.second_nats.value == pytest.approx(totals[1] / found.bytes, rel=1e-6)
    assert found.difference.value == pytest.approx((totals[1] - totals[0]) / found.bytes, rel=1e-6)
    assert found.difference.groups == 10
    assert found.first_nats.n == sum(len(text.scored) for text in store.texts(0).tokens)


def test_the_first_id_that_differs_is_named(tmp_path: Path) -> None:
    (found,) = summarise(store_of_two_tokenizers(tmp_path / "tokens")).spans
    assert found.why == 'id 1 is " the" in words and "⏎" in pairs'
