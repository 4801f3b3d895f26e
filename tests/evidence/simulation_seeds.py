"""Recipes whose seeds and documents differ by a known amount, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from benchtui.evidence.variance import recipe_mean, sampled_mean

Floats = npt.NDArray[np.float64]


def _answers(
    seeds: int, documents: int, spread: float, replicas: int, rng: np.random.Generator
) -> Iterator[tuple[Floats, Floats]]:
    """Right-or-wrong answers of every seed and of one adapter, equal in skill on average: easy and hard documents,
    seeds that are as much better or worse as `spread` (a standard deviation, share) says."""
    for _ in range(replicas):
        skill = 0.15 + 0.7 * rng.beta(0.5, 0.5, documents)  # 0.5 on average
        luck = rng.normal(0, spread, (seeds, 1)).clip(-0.14, 0.14)
        yield (rng.random((seeds, documents)) < skill + luck) * 1.0, (rng.random(documents) < skill) * 1.0


def covered_recipes(seeds: int, documents: int, spread: float, replicas: int, rng: np.random.Generator) -> float:
    """How often the interval of a recipe's mean holds what other seeds and documents would give: one half."""
    made = (recipe_mean(scores).interval() for scores, _ in _answers(seeds, documents, spread, replicas, rng))
    return float(np.mean([found.low <= 0.5 <= found.high for found in made]))


def false_recipes(seeds: int, documents: int, spread: float, replicas: int, rng: np.random.Generator) -> float:
    """How often a recipe that is as good as one adapter is called different from it at 5 %."""
    drawn = _answers(seeds, documents, spread, replicas, rng)
    return float(np.mean([recipe_mean(scores - one).interval().excludes_zero() for scores, one in drawn]))


def covered_samples(documents: int, answers: int, replicas: int, rng: np.random.Generator) -> float:
    """How often 1.96 standard errors around the mean of several answers a document hold the true mean, one half."""
    held = []
    for _ in range(replicas):
        skill = rng.beta(0.5, 0.5, (documents, 1))
        found = sampled_mean((rng.random((documents, answers)) < skill) * 1.0)
        held.append(abs(found.value - 0.5) <= 1.96 * found.stderr)
    return float(np.mean(held))
