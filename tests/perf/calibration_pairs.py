"""Right-or-wrong answers of independent samples, looked at once or all the time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.evidence.cells import Cell
from tests.evidence.simulation import (
    covered_differences,
    covered_scores,
    false_decisions,
    false_verdicts,
    false_verdicts_when_watched,
    spread_of_skills,
    wrong_within,
)

SIZES = (5, 10, 20, 50, 60, 100, 541, 1_319, 10_042)


def cells(replicas: int, rng: np.random.Generator) -> Iterator[Cell]:
    """Every cell, the quick ones first."""
    for n in SIZES:
        for discordant in (0.05, 0.2, 0.5):
            rate = false_verdicts(n, discordant, replicas, rng)
            yield Cell(f"equal models called different: n = {n:,}, {discordant:.0%} change", 0.05, rate, replicas)
    for n in SIZES[:-1]:
        rate = covered_differences(n, spread_of_skills(replicas, rng), rng)
        yield Cell(f"intervals of a difference: n = {n:,}", 0.95, rate, replicas, "at least")
    for n, skill in ((541, 0.02), (541, 0.5), (1_319, 0.005), (14_042, 0.25)):
        rate = covered_scores(n, skill, replicas, rng)  # Wilson's covers on average over skills, not at each
        yield Cell(f"intervals of one score: n = {n:,}, {skill:.1%} right", 0.94, rate, replicas, "at least")
    for n in (50, 541, 1_319):
        for discordant in (0.1, 0.3, 0.5):
            here, elsewhere = false_decisions(n, discordant, replicas, rng)
            name = f"n = {n:,}, {discordant:.0%} change"
            yield Cell(f"sign found at any look: {name}, none on these samples", 0.05, here, replicas)
            yield Cell(f"sign found at any look: {name}, none in skill", 0.05, elsewhere, replicas)
    for discordant in (0.1, 0.3, 0.5):
        rate = false_verdicts_when_watched(541, discordant, replicas, rng)
        yield Cell(f"watched to its end: n = 541, {discordant:.0%} change", 0.05, rate, replicas)
    for delta in (0.02, 0.05):
        rate = wrong_within(541, delta, 0.25, replicas, rng)
        yield Cell(f"called within a limit that it is just outside of: n = 541, ±{delta:.0%}", 0.05, rate, replicas)
