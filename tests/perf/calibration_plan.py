"""Several seeds of one recipe, several answers to one document."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.evidence.cells import Cell
from tests.evidence.simulation_seeds import covered_recipes, covered_samples, false_recipes


def cells(replicas: int, rng: np.random.Generator) -> Iterator[Cell]:
    """Every cell."""
    for seeds in (2, 3, 5, 10):
        for spread in (0.0, 0.02, 0.05):
            name = f"{seeds} seeds that differ by ±{100 * spread:g} points, n = 200"
            rate = covered_recipes(seeds, 200, spread, replicas, rng)
            yield Cell(f"intervals of a recipe's mean: {name}", 0.95, rate, replicas, "at least")
            rate = false_recipes(seeds, 200, spread, replicas, rng)
            yield Cell(f"recipe called different from an equal adapter: {name}", 0.05, rate, replicas)
    for answers in (2, 8):
        rate = covered_samples(200, answers, replicas, rng)
        name = f"{answers} answers to each of 200"
        yield Cell(f"intervals of a mean of sampled answers: {name}", 0.95, rate, replicas, "at least")
