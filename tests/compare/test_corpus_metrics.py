"""Scores of a whole corpus (BLEU, chrF, nats per byte) in a comparison: recognised, and intervals that hold."""

from __future__ import annotations

import numpy as np
import pytest
import sacrebleu

from benchtui.compare.differences.difference import PairedTerms, difference
from benchtui.compare.differences.metrics import AGGREGATIONS, find_aggregation, terms_of
from benchtui.compare.verdicts.verdicts import judge
from benchtui.tasks.metrics.answer import Answer
from benchtui.tasks.metrics.registry import choose
from tests.perf.calibration_own import held_of_bleu

BY_NAME = {each.name: each for each in AGGREGATIONS}
ANSWERS = ["the cat sat on the mat", "a dog barked at the old man loudly", "", "it rains in Spain today"]
REFERENCES = ["the cat sat on a mat", "a dog barked at an old man", "nobody came", "it rains in Spain mostly"]


@pytest.mark.parametrize(
    ("metric", "score"),
    [
        ("bleu", sacrebleu.corpus_bleu(ANSWERS, [REFERENCES]).score),
        ("chrf", sacrebleu.corpus_chrf(ANSWERS, [REFERENCES]).score),
        ("chrf:words=2", sacrebleu.corpus_chrf(ANSWERS, [REFERENCES], word_order=2).score),
    ],
)
def test_the_summands_of_documents_give_the_librarys_score(metric: str, score: float) -> None:
    chosen = choose(metric)
    pairs = zip(ANSWERS, REFERENCES, strict=True)
    values = [list(chosen.metric.score(Answer(answer, (target,)), chosen.options)) for answer, target in pairs]
    found = find_aggregation("", values, score)
    assert found is not None
    assert found.name == metric.split(":")[0]
    assert find_aggregation("", values, score + 0.01) is None


def test_intervals_of_bleu_hold_the_score_of_all_such_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    """95 % intervals of the score and of the paired difference. Longer: tests/perf/calibration_own.py."""
    monkeypatch.setattr("benchtui.evidence.bootstrap.DRAWS", 999)
    held = held_of_bleu(50, replicas=300, seed=1)
    assert all(0.92 <= share <= 0.98 for share in held), held


def test_a_value_that_is_no_vector_fits_none_of_them() -> None:
    for name in ("bleu", "chrf", "nats_per_byte"):
        assert terms_of(BY_NAME[name], [0.5]) is None
        assert terms_of(BY_NAME[name], [[1.0] * 7]) is None


def test_too_few_documents_are_told_as_such() -> None:
    """All that changed by another amount: fewer than the bootstrap takes, or all draws alike."""
    first = np.array([[-10.0 - n, 10.0] for n in range(10)])
    terms = PairedTerms(BY_NAME["nats_per_byte"], first, first - np.array([[n / 7, 0.0] for n in range(10)]))
    sentence = judge(difference(terms), higher_is_better=False, is_share=False).sentence
    assert sentence == "No evidence: 10 samples are too few to see by drawing them anew; it takes 50."
    many = np.array([[-10.0 - n, 10.0] for n in range(60)])
    alike = PairedTerms(BY_NAME["nats_per_byte"], many, many)
    assert "shows no change" in judge(difference(alike), higher_is_better=False, is_share=False).sentence
