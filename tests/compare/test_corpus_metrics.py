"""Scores of a whole corpus (BLEU, chrF, nats per byte) in a comparison: recognised, and intervals that hold."""

from __future__ import annotations

import numpy as np
import pytest
import sacrebleu

from benchtui.compare.differences.difference import PairedTerms, difference
from benchtui.compare.differences.metrics import AGGREGATIONS, find_aggregation, terms_of
from benchtui.evidence.means import mean_interval, pseudo_values, units_of
from benchtui.tasks.metrics.answer import Answer
from benchtui.tasks.metrics.registry import choose

BY_NAME = {each.name: each for each in AGGREGATIONS}
ANSWERS = ["the cat sat on the mat", "a dog barked at the old man loudly", "", "it rains in Spain today"]
REFERENCES = ["the cat sat on a mat", "a dog barked at an old man", "nobody came", "it rains in Spain mostly"]
REPLICAS = 400


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


def documents(rng: np.random.Generator, n: int, quality: np.ndarray) -> np.ndarray:
    """Summands of BLEU (n, 10) for answers whose n-grams match the more, the better each is."""
    references = np.maximum(rng.lognormal(2.8, 0.5, n).astype(int), 4)
    answers = np.maximum((references * rng.lognormal(0, 0.15, n)).astype(int), 4)
    there = np.stack([np.maximum(answers - order, 0) for order in range(4)], axis=1)
    right = rng.binomial(there, np.stack([quality ** (1 + 0.8 * order) for order in range(4)], axis=1))
    return np.concatenate([answers[:, None], references[:, None], right, there], axis=1).astype(float)


@pytest.mark.parametrize("n", [50, 300])
def test_intervals_of_bleu_hold_the_score_of_all_such_documents(n: int) -> None:
    """Of the score and of the paired difference: 95 % intervals, neither too narrow nor uselessly wide."""
    rng = np.random.default_rng(n)
    combine = BY_NAME["bleu"].combine
    quality = rng.beta(3, 3, 40_000)
    better = np.clip(quality + rng.normal(0.02, 0.05, 40_000), 0.01, 0.99)
    one, two = documents(rng, 40_000, quality), documents(rng, 40_000, better)
    truth = float(combine(one.sum(axis=0)))
    change = float(combine(two.sum(axis=0))) - truth
    held = np.zeros(2)
    for _ in range(REPLICAS):
        drawn = rng.integers(len(one), size=n)
        own = mean_interval(units_of(pseudo_values(one[drawn], combine) / n, np.full(n, 1 / n), None))
        paired = difference(PairedTerms(BY_NAME["bleu"], one[drawn], two[drawn])).interval
        assert paired is not None
        held += own.low <= truth <= own.high, paired.low <= change <= paired.high
    assert ((held / REPLICAS >= 0.93) & (held / REPLICAS <= 0.995)).all(), held / REPLICAS


def test_a_value_that_is_no_vector_fits_none_of_them() -> None:
    for name in ("bleu", "chrf", "nats_per_byte"):
        assert terms_of(BY_NAME[name], [0.5]) is None
        assert terms_of(BY_NAME[name], [[1.0] * 7]) is None
