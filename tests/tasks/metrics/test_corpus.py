"""BLEU, chrF and ROUGE: equal to their libraries, called directly, also over any part of the documents."""

from __future__ import annotations

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from benchtui.tasks.metrics import corpus
from tests.tasks.metrics.scored import score

WORDS = ["the", "cat", "sat", "on", "a", "mat", ".", "dog's", "über", "北京"]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join) | st.text(max_size=8)
DOCUMENTS = st.lists(st.tuples(TEXTS, st.lists(TEXTS, min_size=1, max_size=3)), min_size=1, max_size=6)

Documents = list[tuple[str, list[str]]]


def streams(documents: Documents) -> list[list[str | None]]:
    """Return the references as sacrebleu takes them: one list for each place, None where a document has fewer."""
    most = max(len(references) for _, references in documents)
    return [[references[i] if i < len(references) else None for _, references in documents] for i in range(most)]


@settings(max_examples=60)
@given(DOCUMENTS, st.sampled_from(["13a", "intl", "zh", "char", "none"]), st.booleans())
def test_bleu_is_sacrebleus(documents: Documents, tokenize: str, lowercase: bool) -> None:
    name = f"bleu:tokenize={tokenize},lowercase={'yes' if lowercase else 'no'}"
    ours = corpus.bleu([score(name, answer, *references) for answer, references in documents])
    metric = sacrebleu.BLEU(tokenize=tokenize, lowercase=lowercase)
    theirs = metric.corpus_score([answer for answer, _ in documents], streams(documents))
    assert ours == pytest.approx(theirs.score, abs=1e-9)


@settings(max_examples=60)
@given(DOCUMENTS, st.sampled_from([0, 1, 2]), st.booleans())
def test_chrf_is_sacrebleus(documents: Documents, words: int, lowercase: bool) -> None:
    name = f"chrf:words={words},lowercase={'yes' if lowercase else 'no'}"
    ours = corpus.chrf([score(name, answer, *references) for answer, references in documents])
    metric = sacrebleu.CHRF(word_order=words, lowercase=lowercase)
    theirs = metric.corpus_score([answer for answer, _ in documents], streams(documents))
    assert ours == pytest.approx(theirs.score, abs=1e-9)


@settings(max_examples=60)
@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=3), st.sampled_from(["rouge1", "rouge2", "rougeL"]), st.booleans())
def test_rouge_is_rouge_scores(answer: str, references: list[str], kind: str, stem: bool) -> None:
    theirs = RougeScorer([kind], use_stemmer=stem).score_multi(references, answer)
    ours = score(f"{kind}:stem={'yes' if stem else 'no'}", answer, *references)
    assert ours == pytest.approx(theirs[kind].fmeasure)


def test_many_parts_at_once_are_each_the_score_of_that_part() -> None:
    """What resampling needs: sums (draws, summands) give scores (draws,)."""
    documents = [("the cat sat on the mat", "the cat sat on a mat"), ("no", "yes"), ("a b c d e", "a b c d e f")]
    for name, combine, one in (("bleu", corpus.bleu_of, corpus.bleu), ("chrf", corpus.chrf_of, corpus.chrf)):
        summands = np.array([score(name, *pair) for pair in documents])
        parts = [[0, 1, 2], [1, 1, 1], [0, 0, 2], [2]]
        together = combine(np.array([summands[part].sum(axis=0) for part in parts]))
        assert together == pytest.approx([one(summands[part].tolist()) for part in parts])
        assert len(set(together)) > 2


def test_the_score_of_a_corpus_is_not_the_mean_of_its_documents() -> None:
    documents = [("a b c d e f", "a b c d e f"), ("x", "y z")]
    values = [score("bleu", *pair) for pair in documents]
    assert corpus.bleu(values) != pytest.approx(sum(corpus.bleu([value]) for value in values) / 2)


def test_a_corpus_of_nothing_has_no_score() -> None:
    assert np.isnan(corpus.bleu([]))
