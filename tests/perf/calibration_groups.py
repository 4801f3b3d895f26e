"""Cells of the calibration table about groups of tasks (MMLU): statements about these tasks, and about new ones.

python -m tests.perf.calibration_groups [--replicas 10000]
"""

from __future__ import annotations

import argparse
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
    false_for_these_tasks,
    false_when_watched,
)

HUMANITIES = (126, 165, 204, 237, 121, 108, 163, 346, 895, 311, 324, 1_534, 171)
GROUPS = {"MMLU": MMLU, "humanities": HUMANITIES, "two tasks": (100, 100), "tasks of 50 and 3,000": (50, 3_000)}
PLAIN = {"nine tasks of 5, one of 500": (5,) * 9 + (500,), "tasks of 5 and 500": (5, 500), "five of 30": (30,) * 5}


def cells(replicas: int, rng: np.random.Generator) -> Iterator[Cell]:
    """Every cell; some minutes at 10,000 replicas."""
    for name, sizes in GROUPS.items():
        for spread in (0.0, 0.1, 0.4):
            effects = cancelling(sizes, spread, rng)
            rate = false_for_these_tasks(sizes, effects, 0.1, replicas, rng)
            words = f"{name}, effects of {100 * spread:.0f} points that cancel out: these tasks differ"
            yield Cell(words, 0.05, rate, replicas)
    for name, sizes in PLAIN.items():
        for spread in (0.0, 0.3):
            effects = cancelling(sizes, spread, rng, by_size=False)
            rate = false_for_plain_mean(sizes, effects, 0.1, replicas, rng)
            yield Cell(f"plain mean of {name}, effects of {100 * spread:.0f} points", 0.05, rate, replicas)
    for tasks in (2, 3, 4, 5, 6, 8, 10, 13, 57):
        for shape in SHAPES:
            rate = false_for_new_tasks(tasks, 0.12, shape, replicas, rng)
            yield Cell(f"{tasks} tasks, {shape} effects of 12 points: new tasks differ", 0.05, rate, replicas)
    for tasks, spread in ((6, 0.0), (6, 0.08), (13, 0.03), (57, 0.0), (57, 0.05)):
        few = max(1, replicas // tasks)
        rate = covered_when_shrunk(tasks, spread, few, rng)
        words = f"partially pooled, {tasks} tasks, spread {100 * spread:.0f} points: covered"
        yield Cell(words, 0.94, rate, few * tasks, "at least")
    for name, sizes, spread in (("humanities", HUMANITIES, 0.0), ("humanities", HUMANITIES, 0.1), ("MMLU", MMLU, 0.1)):
        rate, _ = false_when_watched(sizes, cancelling(sizes, spread, rng), 0.1, replicas, rng)
        words = f"{name}, watched, effects of {100 * spread:.0f} points: any error, early or at the end"
        yield Cell(words, 0.05, rate, replicas)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicas", type=int, default=10_000)
    for cell in cells(parser.parse_args().replicas, np.random.default_rng(57)):
        print(f"{cell.name:80} {100 * cell.measured:6.2f} %{'' if cell.kept else '  OVER'}", flush=True)


if __name__ == "__main__":
    main()
