"""Separates the sources of chance: the documents, training again (another model), asking again (another answer).

One adapter supports "this adapter is better" and never "training helps": it does not show how another run of the same
recipe would have come out. Several seeds (or checkpoints) of one recipe do, as units of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from benchtui.evidence.records import ALPHA, Floats, Interval
from benchtui.evidence.roots import root
from benchtui.evidence.student import t_quantile


def subject_of(models: int) -> str:
    """Return what a comparison of so many trained models of one recipe is about, for a sentence."""
    return "this fine-tuned model" if models == 1 else f"this recipe ({models} training runs)"


@dataclass(frozen=True)
class RecipeMean:
    """The mean of several seeds of one recipe over documents that all of them answered. `between_seeds` and
    `between_documents` are standard errors of the two sources, `stderr` that of both; `value` is on the score's scale.
    """

    value: float
    seeds: int
    documents: int
    between_seeds: float
    between_documents: float

    @property
    def stderr(self) -> float:
        return math.hypot(self.between_seeds, self.between_documents)

    def interval(self, alpha: float = ALPHA) -> Interval:
        """Compute the interval for other seeds and other documents. The half-widths of both sources are added as
        squares, each with its own Student's t: K. Banerjee, "On confidence interval for two-means problem based on
        separate estimates of variances and tabulated values of t-table", Sankhya A 23, 1961, who shows that it covers
        at least as often as it says."""
        half = self._half(alpha)
        return Interval(self.value - half, self.value + half)

    def _half(self, alpha: float) -> float:
        if not (self.between_seeds and self.between_documents):
            return math.inf  # a source that did not vary here says nothing about how it varies
        seeds = t_quantile(1 - alpha / 2, self.seeds - 1) * self.between_seeds
        return math.hypot(seeds, t_quantile(1 - alpha / 2, self.documents - 1) * self.between_documents)

    @property
    def p(self) -> float:
        """Two-sided p-value of the mean being 0: the level at which the interval starts to leave it out."""
        if self.value == 0 or not (self.between_seeds and self.between_documents):
            return 1.0
        if self._half(1e-12) < abs(self.value):
            return 1e-12
        return math.exp(root(lambda log: self._half(math.exp(log)) - abs(self.value), math.log(1e-12), 0.0, 1e-12))


def recipe_mean(scores: Floats) -> RecipeMean:
    """Compute the mean of `scores` (seeds, documents) with the errors of both. For a difference from a base or from one
    other adapter give differences: each seed's score minus that model's on the same document. Both sources are treated
    as normal: with 0/1 scores that needs some dozens of documents that differ.

    Variance components of the two-way layout, each with the residual in it (S. Searle, G. Casella and C. McCulloch,
    "Variance Components", 1992, 4.5); the sum counts the residual twice, which errs on the safe side. Raises ValueError
    for fewer than two seeds or documents: one adapter says nothing about its recipe.
    """
    if scores.ndim != 2 or min(scores.shape) < 2:
        raise ValueError(f"two seeds and two documents at least are needed, not {scores.shape}")
    seeds, documents = scores.shape
    return RecipeMean(
        value=float(scores.mean()),
        seeds=seeds,
        documents=documents,
        between_seeds=float(scores.mean(axis=1).std(ddof=1) / np.sqrt(seeds)),
        between_documents=float(scores.mean(axis=0).std(ddof=1) / np.sqrt(documents)),
    )


@dataclass(frozen=True)
class SampledMean:
    """The mean of several sampled answers to each document. `within` is the variance of answers to one document,
    `between` that of the documents' true means; both on the score's scale, squared."""

    value: float
    documents: int
    answers: int
    within: float
    between: float
    stderr: float

    def stderr_with(self, answers: int) -> float:
        """Return the standard error to expect for the same number of documents with `answers` each."""
        return math.sqrt((self.between + self.within / answers) / self.documents)

    def worth_asking(self, close: float = 0.05) -> int | None:
        """Return the number of answers to a document beyond which more are of little use: the standard error is then
        within `close` (a share) of what endless answers would leave. None where documents do not differ: more answers
        then help as much as more documents."""
        if self.within == 0:
            return 1
        if self.between == 0:
            return None
        return max(1, math.ceil(self.within / self.between / ((1 + close) ** 2 - 1) - 1e-9))


def sampled_mean(scores: Floats) -> SampledMean:
    """Split `scores` (documents, answers) into the two variances: E. Miller, "Adding Error Bars to Evals", arXiv
    2411.00640, section 3.1, by analysis of variance. Raises ValueError for fewer than two documents or answers."""
    if scores.ndim != 2 or min(scores.shape) < 2:
        raise ValueError(f"two documents and two answers to each at least are needed, not {scores.shape}")
    documents, answers = scores.shape
    means = scores.mean(axis=1)
    within, of_means = float(scores.var(axis=1, ddof=1).mean()), float(means.var(ddof=1))
    between = max(0.0, of_means - within / answers)
    return SampledMean(float(means.mean()), documents, answers, within, between, math.sqrt(of_means / documents))
