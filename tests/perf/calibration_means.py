"""Scores that are not right or wrong: skewed, several to a sample, of a whole corpus."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchtui.compare.differences.metrics import AGGREGATIONS
from tests.evidence.cells import Cell
from tests.evidence.simulation_means import (
    BOUNDED,
    UNBOUNDED,
    Floats,
    greatest_size,
    wrong_on_corpus,
    wrong_on_documents,
    wrong_on_instructions,
    wrong_on_scores,
)

DOCUMENTS = (5, 10, 20, 60, 100, 200, 300, 541, 1_319)
COMBINE = {each.name: each.combine for each in AGGREGATIONS}


def cells(replicas: int, rng: np.random.Generator) -> Iterator[Cell]:
    """Every cell, the quick ones first."""
    for n in (2, 4, 6, 8):
        rate = greatest_size(n, 0.025, 100, rng)
        yield Cell(f"one end of an interval, the worst of 100 kinds of score enumerated: n = {n}", 0.025, rate, 0)
    yield from _scores(replicas, rng)
    yield from _corpora(replicas, rng)
    yield from _instructions(replicas, rng)
    yield from _documents(replicas, rng)


def _documents(replicas: int, rng: np.random.Generator) -> Iterator[Cell]:
    for kind, drawn in BOUNDED.items():
        for n in DOCUMENTS:
            rate = wrong_on_documents(drawn, n, replicas, rng)
            yield Cell(f"equal models called different, scores in 0..1: {kind}, n = {n:,}", 0.05, rate, replicas)
    for kind, drawn in UNBOUNDED.items():
        for n in (200, 300, 541):
            rate = wrong_on_documents(drawn, n, replicas, rng, scale=None)
            yield Cell(f"equal models called different, no scale: {kind}, n = {n:,}", 0.05, rate, replicas)


def _instructions(replicas: int, rng: np.random.Generator) -> Iterator[Cell]:
    for n in (12, 57, 300, 541):
        rate = wrong_on_instructions(n, replicas, rng)
        yield Cell(f"equal models called different, one to five instructions a prompt: n = {n}", 0.05, rate, replicas)


def _scores(replicas: int, rng: np.random.Generator) -> Iterator[Cell]:
    for kind in ("3 % lose 0.97", "symmetrical"):
        for n in (20, 100, 541):
            rate = 1 - wrong_on_documents(BOUNDED[kind], n, replicas, rng, scale=(-1.0, 1.0), truth=0.02)
            yield Cell(f"intervals of a mean difference: {kind}, n = {n}", 0.95, rate, replicas, "at least")
    for kind in ("most right, the rest anything", "beta, skewed", "one in fifty right"):
        for n in (5, 20, 60, 100, 541):
            rate = 1 - wrong_on_scores(kind, n, replicas, rng)
            yield Cell(f"intervals of a mean score: {kind}, n = {n}", 0.95, rate, replicas, "at least")


def _corpora(replicas: int, rng: np.random.Generator) -> Iterator[Cell]:
    for name, share in (("f1", 0.3), ("f1", 0.1), ("matthews_corrcoef", 0.5)):
        for n in (20, 60, 300):
            rate = wrong_on_corpus(COMBINE[name], lambda n, share=share: _labels(rng, n, share), n, replicas)
            yield Cell(f"equal models called different, {name}: {share:.0%} positive, n = {n}", 0.05, rate, replicas)
    for n in (40, 62, 300):
        rate = wrong_on_corpus(COMBINE["weighted_perplexity"], lambda n: _pages(rng, n), n, replicas)
        yield Cell(f"equal models called different, perplexity: pages of any length, n = {n}", 0.05, rate, replicas)


def _labels(rng: np.random.Generator, n: int, share: float) -> tuple[Floats, Floats]:
    """True and false positives and negatives of two models that are right on 80 % of the labels, often together."""
    gold = rng.random(n) < share
    hard = rng.random(n)
    sides = []
    for _ in range(2):
        right = np.where(rng.random(n) < 0.7, hard < 0.8, rng.random(n) < 0.8)
        said = gold == right
        sides.append(np.stack([gold & said, ~gold & said, gold & ~said, ~gold & ~said], axis=1).astype(np.float64))
    return sides[0], sides[1]


def _pages(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """Log-likelihoods and words of pages whose length and difficulty are lognormal, in two equal models."""
    words = np.ceil(rng.lognormal(6, 1, n))
    hard = rng.lognormal(1, 0.3, n)
    sides = [np.stack([-words * hard * rng.lognormal(0, 0.05, n), words], axis=1) for _ in range(2)]
    return sides[0], sides[1]
