"""Several answers to each document: intervals of mean@k, and of the paired difference of two models."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.evidence.cells import Cell
from tests.evidence.simulation_repeats import SKILLS, held_differences, held_means

DOCUMENTS = (30, 100, 400)
ANSWERS = (2, 8, 32)
ENOUGH = 100
"""Documents from which intervals are neither too narrow nor too wide; fewer may make them too wide."""


def cells(replicas: int, rng: np.random.Generator) -> Iterator[Cell]:
    """Every cell: coverage of mean@k is 93 to 97 %, that of differences at least 95 %."""
    for kind in SKILLS:
        for n in DOCUMENTS:
            for k in ANSWERS:
                held = held_means(kind, n, k, replicas, rng)
                where = f"{kind}, {k} answers to each of {n}"
                yield Cell(f"intervals of mean@k: {where}", 0.93, held, replicas, "at least")
                if n >= ENOUGH:
                    yield Cell(f"intervals of mean@k are not too wide: {where}", 0.97, held, replicas)
    for kind in SKILLS:
        for n in DOCUMENTS:
            held = held_differences(kind, n, 8, max(replicas // 5, 1), rng)
            where = f"{kind}, 8 answers to each of {n}"
            yield Cell(f"intervals of a difference of mean@k: {where}", 0.95, held, max(replicas // 5, 1), "at least")
