"""Any error among several tasks of equal models: whole and watched runs, both orders, answers lost, stopped by hand."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.evidence.cells import Cell
from tests.evidence.simulation_family import LOSSES, false_claims


def cells(replicas: int, rng: np.random.Generator) -> Iterator[Cell]:
    for watched in (False, True):
        for lost in LOSSES:
            for tasks in (1, 4, 10):
                rates = false_claims(tasks, replicas, rng, watched=watched, lost=lost)
                how = f"{tasks} {'task' if tasks == 1 else 'tasks'}, {'watched' if watched else 'whole'} run, {lost}"
                for order, rate in zip(("base first", "base second"), rates, strict=True):
                    yield Cell(f"any task called different: {how}, {order}", 0.05, rate, replicas)
