"""Cells of the calibration table about groups of tasks (MMLU): statements about these tasks, and about new ones.

python -m tests.perf.calibration_groups [--replicas 10000]
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.evidence.cells import Cell
from tests.evidence.simulation_groups import (
    MMLU,
    SHAPES,
    cancelling,
    covered_when_shrunk,
    false_for_new_tasks,
    false_for_plain_mean,
    false_for_scores,
    false_for_these_tasks,
    false_when_watched,
)

HUMANITIES = (126, 165, 204, 237, 121, 108, 163, 346, 895, 311, 324, 1_534, 171)
GROUPS = {"MMLU": MMLU, "humanities": HUMANITIES, "two tasks": (100, 100), "tasks of 50 and 3,000": (50, 3_000)}
PLAIN = {"nine tasks of 5, one of 500": (5,) * 9 + (500,), "tasks of 5 and 500": (5, 500), "five of 30": (30,) * 5}


def cells(replicas: int, rng: np.random.Generator) -> Iterator[Cell]:
    """Every cell; watching MMLU takes most of the time."""
    for name, sizes in GROUPS.items():
        for spread in (0.0, 0.1, 0.4):
            rate = false_for_these_tasks(sizes, cancelling(sizes, spread, rng), 0.1, replicas, rng)
            corner = f"{name}, effects of {100 * spread:.0f} points that cancel out"
            yield Cell(f"a group called different on its own tasks: {corner}", 0.05, rate, replicas)
    for name, sizes in PLAIN.items():
        for spread in (0.0, 0.3):
            effects = cancelling(sizes, spread, rng, by_size=False)
            rate = false_for_plain_mean(sizes, effects, 0.1, replicas, rng)
            corner = f"{name}, effects of {100 * spread:.0f} points that cancel out"
            yield Cell(f"a plain mean of tasks called different: {corner}", 0.05, rate, replicas)
    for name, sizes in (("tasks of 20, 20 and 200", (20, 20, 200)), ("ten of 100", (100,) * 10)):
        for spread in (0.0, 0.15):
            effects = np.clip(cancelling(sizes, spread, rng), -0.4, 0.4)
            rate = false_for_scores(sizes, effects, replicas, rng)
            corner = f"{name}, effects of {100 * spread:.0f} points"
            yield Cell(f"a group of skewed scores called different: {corner}", 0.05, rate, replicas)
    for tasks in (2, 3, 4, 5, 6, 8, 10, 13, 57):
        for shape in SHAPES:
            many = replicas if tasks < 6 else 4 * replicas  # so near to 5 % that few would hardly tell
            rate = false_for_new_tasks(tasks, 0.12, shape, many, rng)
            corner = f"{tasks} tasks, effects of 12 points, {shape}"
            yield Cell(f"new tasks called different: {corner}", 0.05, rate, many)
    for tasks, spread in ((6, 0.0), (6, 0.08), (13, 0.03), (57, 0.0), (57, 0.05)):
        few = max(1, replicas // tasks)
        rate = covered_when_shrunk(tasks, spread, few, rng)
        corner = f"{tasks} tasks, effects of {100 * spread:.0f} points"
        yield Cell(f"partially pooled intervals of tasks: {corner}", 0.94, rate, few * tasks, "at least")
    for name, sizes, spread in (("humanities", HUMANITIES, 0.0), ("humanities", HUMANITIES, 0.1), ("MMLU", MMLU, 0.1)):
        rate, _ = false_when_watched(sizes, cancelling(sizes, spread, rng), 0.1, replicas, rng, orders=10)
        corner = f"{name}, effects of {100 * spread:.0f} points that cancel out"
        yield Cell(f"a group watched to its end: {corner}", 0.05, rate, replicas)
