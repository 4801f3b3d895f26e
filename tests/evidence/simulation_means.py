"""Simulated scores that are not right or wrong, of two models whose true difference is known.

A two-sided interval leaves out the truth exactly when one of its one-sided chances is below half the level
(tests/compare/test_one_interval.py), so that error and coverage are both counted by these chances.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from scipy import stats

from benchtui.compare.differences.difference import PairedTerms, difference
from benchtui.compare.differences.metrics import AGGREGATIONS
from benchtui.evidence.means import Units, chance_of_no_more, pseudo_values, units_of
from benchtui.evidence.records import ALPHA

Floats = npt.NDArray[np.float64]
Drawn = Callable[[np.random.Generator, int], Floats]
"""Differences of so many documents, whose true mean is zero."""


def rare_loss(share: float, noise: float = 0.0) -> Drawn:
    """Few lose nearly everything, all others gain a little."""

    def drawn(rng: np.random.Generator, n: int) -> Floats:
        small = rng.normal(0, noise, n) if noise else 0.0
        kept = np.clip(small, -share, share)  # symmetrical: it moves no mean
        return np.where(rng.random(n) < share, share - 1.0, share) + kept

    return drawn


def _instructions(rng: np.random.Generator, n: int) -> Floats:
    """Shares of one to three followed instructions, in both runs; most are answered alike."""
    sizes = rng.choice([1, 2, 3], n, p=[0.55, 0.34, 0.11])
    skill = rng.beta(2, 1, n)
    alike = rng.random(n) < 0.6
    first = rng.binomial(sizes, skill) / sizes
    return np.where(alike, 0.0, rng.binomial(sizes, skill) / sizes - first)


BOUNDED: Mapping[str, Drawn] = {
    "1 % lose 0.99": rare_loss(0.01),
    "2 % lose 0.98": rare_loss(0.02),
    "3 % lose 0.97": rare_loss(0.03),
    "3 % lose 0.97, the others not alike": rare_loss(0.03, 0.03),
    "5 % lose 0.95": rare_loss(0.05),
    "10 % lose 0.9": rare_loss(0.10),
    "beta, skewed": lambda rng, n: rng.beta(0.2, 2, n) - 0.2 / 2.2,
    "symmetrical": lambda rng, n: np.clip(rng.normal(0, 0.25, n), -1, 1),
    "shares of instructions": _instructions,
}
"""Differences of scores between 0 and 1."""

UNBOUNDED: Mapping[str, Drawn] = {
    "normal": lambda rng, n: rng.normal(0, 1, n),
    "t with 3 degrees": lambda rng, n: rng.standard_t(3, n),
    "exponential": lambda rng, n: rng.exponential(1, n) - 1,
    "lognormal": lambda rng, n: rng.lognormal(0, 1, n) - np.exp(0.5),
    "chi-squared": lambda rng, n: rng.chisquare(1, n) - 1,
    "3 % lose 0.97, the others not alike": rare_loss(0.03, 0.03),
}

INSTRUCTIONS = next(each for each in AGGREGATIONS if each.name == "mean over instructions")
DIFFERENCE, SCORE = (-1.0, 1.0), (0.0, 1.0)


def _refuted(units: Units | None, value: float, truth: float, alpha: float) -> bool:
    """Whether the interval at `alpha` leaves the truth out: only the end towards it can."""
    if units is None:
        return False
    if value >= truth:
        return chance_of_no_more(units, truth) < alpha / 2
    return chance_of_no_more(units.mirrored(), -truth) < alpha / 2


def wrong_on_documents(
    drawn: Drawn,
    n: int,
    replicas: int,
    rng: np.random.Generator,
    *,
    scale: tuple[float, float] | None = DIFFERENCE,
    truth: float = 0.0,
    alpha: float = ALPHA,
) -> float:
    """How often the interval of the mean of `n` documents leaves out the true one; of two equal models: how often a
    difference is found."""
    wrong = 0
    for _ in range(replicas):
        moved = drawn(rng, n) + truth
        units = units_of(moved / n, np.full(n, 1 / n), scale)
        wrong += _refuted(units, float(moved.mean()), truth, alpha)
    return wrong / replicas


def wrong_on_instructions(n: int, replicas: int, rng: np.random.Generator) -> float:
    """How often two equal models are told apart over `n` prompts of one to five instructions each, of which those of a
    prompt go together: the score is the share of all instructions that are followed, as IFEval's."""
    wrong = 0
    for _ in range(replicas):
        asked = rng.integers(1, 6, n)
        leaning = np.repeat(rng.normal(0, 1.2, n), asked)  # of a prompt, towards either model alike
        prompts = np.repeat(np.arange(n), asked)
        changed = rng.random(len(prompts)) < 0.4
        moved = np.where(changed, np.sign(leaning + rng.normal(0, 0.5, len(prompts))), 0.0)
        first, second = (
            np.stack([np.bincount(prompts, weights=followed), asked], axis=1) for followed in (moved < 0, moved > 0)
        )
        wrong += difference(PairedTerms(INSTRUCTIONS, first, second)).p < ALPHA
    return wrong / replicas


def wrong_on_scores(kind: str, n: int, replicas: int, rng: np.random.Generator) -> float:
    """How often the interval of one run's own score leaves out the true one."""
    drawn, truth = {
        "most right, the rest anything": (lambda: np.where(rng.random(n) < 0.9, 1.0, rng.random(n)), 0.95),
        "beta, skewed": (lambda: rng.beta(0.2, 2, n), 0.2 / 2.2),
        "one in fifty right": (lambda: np.where(rng.random(n) < 0.02, 1.0, 0.01), 0.02 + 0.98 * 0.01),
    }[kind]
    wrong = 0
    for _ in range(replicas):
        score = drawn()
        units = units_of(score / n, np.full(n, 1 / n), SCORE)
        wrong += _refuted(units, float(score.mean()), truth, ALPHA)
    return wrong / replicas


def wrong_on_corpus(
    combine: Callable[[Floats], Floats], terms: Callable[[int], tuple[Floats, Floats]], n: int, replicas: int
) -> float:
    """How often a difference of two corpus scores, such as F1, is found between equal models."""
    wrong = 0
    for _ in range(replicas):
        first, second = terms(n)
        parts = (pseudo_values(second, combine) - pseudo_values(first, combine)) / n
        wrong += _refuted(units_of(parts, np.full(n, 1 / n), None), float(parts.sum()), 0.0, ALPHA)
    return wrong / replicas


def size_enumerated(values: Floats, shares: Floats, n: int, alpha: float) -> float:
    """The exact chance that the one-sided test of the true mean rejects at `alpha`: of `n` scores between 0 and 1 that
    take these `values` with these `shares`, every outcome tried."""
    total, truth = 0.0, float(values @ shares)
    for some in itertools.product(range(n + 1), repeat=len(values) - 1):
        if sum(some) > n:
            continue
        counts = np.array([*some, n - sum(some)])
        units = units_of(np.repeat(values, counts) / n, np.full(n, 1 / n), SCORE)
        if units is not None and chance_of_no_more(units, truth) < alpha:
            total += float(stats.multinomial.pmf(counts, n, shares))
    return total


def greatest_size(n: int, alpha: float, kinds: int, rng: np.random.Generator) -> float:
    """The greatest of these over so many random kinds of scores of three values, with and without the scale's ends."""
    found = 0.0
    for _ in range(kinds):
        values = np.sort(rng.random(3))
        values[0] *= rng.random() < 0.5
        values[2] = 1.0 if rng.random() < 0.5 else values[2]
        found = max(found, size_enumerated(values, rng.dirichlet(np.full(3, rng.choice([0.3, 1, 3]))), n, alpha))
    return found
