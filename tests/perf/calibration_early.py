"""Runs that stop early for a question, and the gate after them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchtui.evidence.questions import Question
from tests.evidence.cells import Cell
from tests.evidence.simulation_early import outcomes, watch

LIMITS = (-0.03, -0.02, 0.0, 0.02)
ASKED: tuple[tuple[Question, ...], ...] = (("sign",), ("sign", "loss"), ("loss",), ("sign", "loss", "equivalence"))


def cells(replicas: int, rng: np.random.Generator) -> Iterator[Cell]:
    """Errors at the limits of each question, whatever else is asked."""
    for n in (60, 541):
        for discordant in (0.1, 0.2, 0.3):
            at_limit = watch(n, -0.03, discordant, LIMITS, replicas, rng)
            equal = watch(n, 0.0, discordant, LIMITS, replicas, rng)
            for questions in ASKED:
                corner = f"n = {n}, {discordant:.0%} change, asked for {' and '.join(questions)}"
                found = outcomes(at_limit, questions)
                yield Cell(f"gate met at the limit, stopping early or not: {corner}", 0.05, found.go, replicas)
                yield Cell(f"gate failed at the limit, stopping early or not: {corner}", 0.05, found.no_go, replicas)
                apart = outcomes(equal, questions).told_apart
                yield Cell(f"equal models told apart, stopping early or not: {corner}", 0.05, apart, replicas)
