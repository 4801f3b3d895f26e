"""Claims that nothing bad happened, at their margins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from tests.evidence.cells import Cell
from tests.evidence.simulation_claims import false_claims

KINDS: tuple[Literal["no loss", "no difference"], ...] = ("no loss", "no difference")


def cells(replicas: int, rng: np.random.Generator) -> Iterator[Cell]:
    """One and several tasks, runs that were watched and that were not."""
    for kind in KINDS:
        for tasks in (1, 4, 10):
            for watched in (False, True):
                rate = false_claims(kind, tasks, replicas, rng, watched=watched)
                run = "watched" if watched else "whole"
                yield Cell(f"“{kind}” claimed at the margin: {tasks} tasks, {run} run", 0.05, rate, replicas)
