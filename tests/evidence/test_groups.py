"""What is said of a group holds for what it is said of: its own tasks, or new ones of their kind.

Seeded. With 10,000 replicas and more sizes: tests/perf/calibration_groups.py.
"""

from __future__ import annotations

import numpy as np
import pytest

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

REPLICAS = 2_000
ALLOWED = 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / REPLICAS)


@pytest.mark.parametrize("spread", [0.0, 0.1, 0.4])
@pytest.mark.parametrize("sizes", [MMLU, (100, 100), (50, 3_000)], ids=["mmlu", "two", "unequal"])
def test_strong_effects_of_subjects_that_cancel_out_are_no_difference(sizes: tuple[int, ...], spread: float) -> None:
    rng = np.random.default_rng(1)
    effects = cancelling(sizes, spread, rng)
    assert false_for_these_tasks(sizes, effects, 0.1, REPLICAS, rng) <= ALLOWED
    assert false_for_these_tasks(sizes, effects + 0.03, 0.1, REPLICAS // 4, rng) <= 0.075


@pytest.mark.parametrize("spread", [0.0, 0.3])
@pytest.mark.parametrize("sizes", [(5,) * 9 + (500,), (5, 500), (30,) * 5], ids=["one large", "two", "alike"])
def test_small_tasks_that_count_like_large_ones_keep_the_level(sizes: tuple[int, ...], spread: float) -> None:
    rng = np.random.default_rng(2)
    effects = cancelling(sizes, spread, rng, by_size=False)
    assert false_for_plain_mean(sizes, effects, 0.1, 400, rng) <= 0.05


@pytest.mark.parametrize("spread", [0.0, 0.15])
@pytest.mark.parametrize("sizes", [(20, 20, 200), (100,) * 10], ids=["unequal", "alike"])
def test_skewed_scores_of_subjects_that_differ_keep_the_level(sizes: tuple[int, ...], spread: float) -> None:
    rng = np.random.default_rng(9)
    effects = np.clip(cancelling(sizes, spread, rng), -0.4, 0.4)
    assert false_for_scores(sizes, effects, 400, rng) <= 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / 400)


def test_what_a_small_task_has_not_shown_may_be_paid_back_by_a_large_one() -> None:
    """Four of ten of a task of five, lost everywhere else: in 8 of 100 draws the small task shows nothing of it."""
    rng = np.random.default_rng(3)
    for sign in (1, -1):
        assert false_for_plain_mean((5, 500), sign * np.array([0.4, -0.4]), 0.4, 400, rng) <= 0.05


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("tasks", [2, 5, 6, 8, 10, 57])
def test_few_tasks_with_strong_effects_say_nothing_false_of_new_tasks(tasks: int, shape: str) -> None:
    """Of fewer than ten tasks, taken as one sample of documents, it was 14.7 %."""
    assert false_for_new_tasks(tasks, 0.12, shape, REPLICAS, np.random.default_rng(tasks)) <= ALLOWED


@pytest.mark.parametrize(("tasks", "spread"), [(6, 0.03), (13, 0.08), (57, 0.0), (57, 0.05)])
def test_partially_pooled_intervals_cover(tasks: int, spread: float) -> None:
    assert covered_when_shrunk(tasks, spread, 150, np.random.default_rng(7)) >= 0.93


@pytest.mark.parametrize("effects", [(0.0, 0.0, 0.0), (0.3, -0.3, 0.0), (0.1, 0.1, -0.2)])
def test_stopping_and_the_test_at_the_end_speak_of_the_same_tasks(effects: tuple[float, ...]) -> None:
    rng = np.random.default_rng(8)
    either, stopped = false_when_watched((150,) * 3, np.array(effects), 0.1, REPLICAS, rng, orders=10)
    assert stopped <= 0.04 + 2.6 * np.sqrt(0.04 * 0.96 / REPLICAS)
    assert either <= ALLOWED
