"""Leaderboards of equal checkpoints, and of checkpoints of which one is better: what is claimed, found and told.

The error of what is told of a leader's score is a share of the true one; the chances are those of `benchtui plan`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchtui.compare.planning import Prospect, outlook
from benchtui.tasks.suites import TaskPlan
from tests.evidence.cells import Cell
from tests.evidence.simulation_leaderboard import Training, false_claims, found_better, told_and_true

EQUAL = {
    "ten checkpoints, 4 tasks of 1,319": Training(),
    "ten checkpoints that share most answers, 4 tasks of 541": Training(apart=0.25, documents=541),
    "ten checkpoints, 4 tasks of 100": Training(documents=100),
    "three checkpoints, 1 task of 541, few changes": Training(checkpoints=3, tasks=1, documents=541, change=0.05),
}

BETTER = {
    "one of ten better by 5 points, n = 1,319": Training(better=0.05),
    "one of ten that share most answers better by 5 points, n = 1,319": Training(better=0.05, apart=0.25),
    "one of ten better by 10 points, n = 541": Training(better=0.1, documents=541),
}

CHOSEN = {
    "ten, n = 1,319": Training(),
    "ten that share most answers, n = 1,319": Training(apart=0.25),
    "ten, n = 541, few changes": Training(documents=541, change=0.05),
    "ten, n = 100": Training(documents=100),
    "three, n = 541": Training(checkpoints=3, documents=541),
    "64, n = 541": Training(checkpoints=64, documents=541),
}


def planned(training: Training) -> Prospect:
    """What `benchtui plan --models` says of the first task."""
    tasks = [TaskPlan("gsm8k")] * training.tasks
    found = outlook(
        tasks,
        100 * training.better,
        samples=training.documents,
        discordance=training.change,
        models=training.checkpoints,
    )
    return found.tasks[0]


def cells(replicas: int, rng: np.random.Generator) -> Iterator[Cell]:
    for name, training in EQUAL.items():
        better, best, either = false_claims(training, replicas, rng)
        yield Cell(f"equal models called better than their base: {name}", 0.05, better, replicas)
        yield Cell(f"an equal model called the best: {name}", 0.05, best, replicas)
        yield Cell(f"any of equal models called better than the base, or the best: {name}", 0.05, either, replicas)
    for name, training in BETTER.items():
        plan = planned(training)
        shown, best = found_better(training, replicas, rng)
        assert plan.power is not None
        assert plan.best is not None
        yield Cell(f"a better model found as often as planned: {name}", plan.power, shown, replicas, "at least")
        yield Cell(
            f"a better model shown to be the best as often as planned: {name}", plan.best, best, replicas, "at least"
        )
    for name, training in CHOSEN.items():
        some = max(1, replicas // (3 if training == Training() else 10))
        told, true = told_and_true(training, some, rng)
        yield Cell(
            f"error of the expected shrinkage of the best of equal models: {name}", 0.1, abs(told / true - 1), some
        )
