"""Intervals of several answers to each document hold as often as said. Longer: tests/perf/calibration_repeats.py."""

from __future__ import annotations

import numpy as np
import pytest

from benchtui.evidence.shares import FEWEST_VARIED, repeated_share
from benchtui.evidence.student import t_interval
from tests.evidence.simulation_repeats import SKILLS, drawn, held_as_if_independent, held_differences, held_means

REPLICAS = 1_500
CHANCE = 2.6 * float(np.sqrt(0.05 * 0.95 / REPLICAS))
"""What simulation alone would hardly exceed."""


@pytest.mark.parametrize("kind", SKILLS)
@pytest.mark.parametrize(("documents", "answers"), [(100, 2), (100, 16), (400, 5)])
def test_intervals_of_mean_at_k_hold_between_93_and_97_of_100_times(kind: str, documents: int, answers: int) -> None:
    held = held_means(kind, documents, answers, REPLICAS, np.random.default_rng(documents * answers))
    assert 0.93 <= held <= 0.97


def test_intervals_of_differences_hold_at_least_as_often_as_said() -> None:
    held = held_differences("documents of every kind", 100, 5, 400, np.random.default_rng(3))
    assert held >= 0.95 - CHANCE


def test_answers_taken_for_documents_would_hold_far_too_seldom() -> None:
    """The error that is avoided."""
    rng = np.random.default_rng(4)
    assert held_as_if_independent("documents easy or hard", 100, 16, REPLICAS, rng) < 0.6


def test_many_documents_have_the_interval_of_their_means() -> None:
    """Where the normal distribution fits, it is Student's of the documents' means, which are the units."""
    rng = np.random.default_rng(5)
    means = drawn(rng.beta(1, 1, 20_000), 4, rng)
    found = repeated_share(means, 4)
    expected = t_interval(float(means.mean()), float(means.std(ddof=1)) / np.sqrt(len(means)), len(means))
    assert found is not None
    assert (found.low, found.high) == (pytest.approx(expected.low, abs=1e-4), pytest.approx(expected.high, abs=1e-4))


def test_too_few_documents_that_vary_are_left_to_bounds_that_need_no_variance() -> None:
    means = np.zeros(500)
    means[: FEWEST_VARIED - 1] = 0.5
    assert repeated_share(means, 4) is None
    assert repeated_share(1 - means, 4) is None
    means[FEWEST_VARIED - 1] = 0.5
    assert repeated_share(means, 4) is not None
    assert repeated_share(np.full(50, 0.5), 4) is not None, "all alike, neither right nor wrong"
