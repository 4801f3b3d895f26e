"""What the gate lets pass, and what intervals of right-or-wrong scores cover: every outcome counted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.evidence.cells import Cell
from tests.evidence.enumeration import (
    GATE_SIZES,
    chance_of_sameness,
    chance_of_showing,
    discordances,
    least_coverage,
    worst_at_limit,
)


def cells(replicas: int, rng: np.random.Generator) -> Iterator[Cell]:
    """Every cell; nothing is drawn."""
    for n in GATE_SIZES:
        for limit in (0.5, 1, 3, 5, 10):
            rate = worst_at_limit(n, -limit / 100)
            yield Cell(f"gate passes a loss at its limit: n = {n:,}, limit {limit:g}, any share changes", 0.05, rate, 0)
    for n in GATE_SIZES:
        for limit in (0.01, 0.03):
            rate = max(chance_of_sameness(n, limit, 0.05, float(pi), limit) for pi in discordances(limit, 200))
            name = f"gate passes a difference at its limit: n = {n:,}, limit {100 * limit:g}, any share changes"
            yield Cell(name, 0.05, rate, 0)
            rate = fails_the_same(n, limit)
            name = f"gate fails a difference that it allows: n = {n:,}, limit {100 * limit:g}, any share changes"
            yield Cell(name, 0.05, rate, 0)
    for k in (4, 10):
        met, refuted = several_checks(541, 0.03, k)
        yield Cell(f"gate passes a loss at its limit: one of {k} tasks, nothing lost in the others", 0.05, met, 0)
        yield Cell(f"gate fails a loss that it allows: {k} tasks at the limit, n = 541", 0.05, refuted, 0)
    truths = np.concatenate([[0.0, 0.005, 0.02], np.linspace(0.05, 0.95, 10)])
    for n in (5, 20, 60, 100, 200, 541):
        rate = least_coverage(n, truths, steps=40)
        yield Cell(f"intervals of a difference in the worst case: n = {n:,}, any true one", 0.95, rate, 0, "at least")


def fails_the_same(n: int, limit: float) -> float:
    """How often a gain or a loss over `limit` is shown, each at half of the 5 %, where just so much was gained: the
    most over discordances."""
    return max(
        chance_of_showing(n, limit, 0.025, pi, limit) + chance_of_showing(n, limit, 0.025, pi, -limit)
        for pi in map(float, discordances(limit, 200))
    )


def several_checks(n: int, limit: float, k: int) -> tuple[float, float]:
    """Of `k` independent tasks: how often all meet a limit where one lost just so much and the others nothing; and how
    often any is refuted, at its share of the 5 %, where all lost just so much. The most over discordances."""
    met = refuted = 0.0
    for pi in map(float, discordances(limit, 100)):
        others = chance_of_showing(n, -limit, 0.05, pi, 0.0)
        met = max(met, chance_of_showing(n, -limit, 0.05, pi, -limit) * others ** (k - 1))
        refuted = max(refuted, 1 - (1 - chance_of_showing(n, limit, 0.05 / k, pi, limit)) ** k)
    return met, refuted
