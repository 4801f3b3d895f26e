"""How often 95 % intervals of scores of whole corpora hold the truth: `python -m tests.perf.calibration_own`.

Documents are drawn from a made population whose score is known. Prints, for each number of documents, the share of
intervals that held the score of one model and the paired difference of two.
"""

from __future__ import annotations

import numpy as np

from benchtui.compare.differences.difference import PairedTerms, difference
from benchtui.compare.differences.metrics import AGGREGATIONS
from benchtui.evidence.bootstrap import bootstrap, bootstrap_interval
from benchtui.evidence.records import Floats

BLEU = next(each for each in AGGREGATIONS if each.name == "bleu")
POPULATION = 40_000


def documents(rng: np.random.Generator, quality: Floats) -> Floats:
    """Summands of BLEU (documents, 10) for answers whose n-grams match the more, the better each is."""
    n = len(quality)
    references = np.maximum(rng.lognormal(2.8, 0.5, n).astype(int), 4)
    answers = np.maximum((references * rng.lognormal(0, 0.15, n)).astype(int), 4)
    there = np.stack([np.maximum(answers - order, 0) for order in range(4)], axis=1)
    right = rng.binomial(there, np.stack([quality ** (1 + 0.8 * order) for order in range(4)], axis=1))
    return np.concatenate([answers[:, None], references[:, None], right, there], axis=1).astype(float)


def held_of_bleu(n: int, *, replicas: int, seed: int) -> tuple[float, float]:
    """Return the shares of intervals of `n` documents that hold the score, and the difference, of all documents."""
    rng = np.random.default_rng(seed)
    quality = rng.beta(3, 3, POPULATION)
    better = np.clip(quality + rng.normal(0.02, 0.05, POPULATION), 0.01, 0.99)
    one, two = documents(rng, quality), documents(rng, better)
    truth = float(BLEU.combine(one.sum(axis=0)))
    change = float(BLEU.combine(two.sum(axis=0))) - truth
    held = np.zeros(2)
    for _ in range(replicas):
        drawn = rng.integers(POPULATION, size=n)
        draws = bootstrap(one[drawn], BLEU.combine)
        own = bootstrap_interval(draws) if draws is not None else None
        paired = difference(PairedTerms(BLEU, one[drawn], two[drawn])).interval
        held += [
            interval is not None and interval.low <= value <= interval.high
            for interval, value in ((own, truth), (paired, change))
        ]
    return float(held[0] / replicas), float(held[1] / replicas)


def main() -> None:
    for n in (50, 100, 200, 1_000):
        score, paired = held_of_bleu(n, replicas=2_000, seed=n)
        print(f"BLEU of {n:5} documents: the score in {score:.1%}, the paired difference in {paired:.1%} of intervals")


if __name__ == "__main__":
    main()
