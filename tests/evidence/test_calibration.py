"""The promises of the statistics, kept under simulation: equal models are called different rarely, intervals cover.

Seeded. Longer forms, with more replicas and sizes: tests/perf/calibration.py.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.evidence.simulation import (
    covered_differences,
    covered_scores,
    false_decisions,
    false_verdicts,
    false_verdicts_when_watched,
    median_stop,
    spread_of_skills,
    wrong_within,
)

REPLICAS = 2_000
SIZES = (5, 50, 541, 1_319)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("discordant", [0.1, 0.3])
def test_two_runs_of_equal_skill_are_rarely_called_different(n: int, discordant: float) -> None:
    rng = np.random.default_rng(n)
    assert false_verdicts(n, discordant, REPLICAS, rng) <= 0.05


@pytest.mark.parametrize("n", SIZES)
def test_intervals_cover_nineteen_times_in_twenty(n: int) -> None:
    """Over a spread of skills, or oftener: an exact interval of few samples is wide."""
    rng = np.random.default_rng(n + 1)
    assert covered_differences(n, spread_of_skills(REPLICAS * 2, rng), rng) >= 0.944


@pytest.mark.parametrize("n", [50, 541, 1_319])
@pytest.mark.parametrize("shares", [(0.125, 0.125), (0.2, 0.1)])
def test_intervals_cover_at_a_fixed_skill(n: int, shares: tuple[float, float]) -> None:
    rng = np.random.default_rng(n + 2)
    skills = np.tile([*shares, 1 - sum(shares)], (REPLICAS * 4, 1))
    assert 0.944 <= covered_differences(n, skills, rng) <= 0.985


@pytest.mark.parametrize(("n", "skill"), [(541, 0.02), (541, 0.5), (1_319, 0.005), (14_042, 0.25)])
def test_intervals_of_one_score_cover(n: int, skill: float) -> None:
    assert covered_scores(n, skill, REPLICAS * 4, np.random.default_rng(n + 4)) >= 0.935


@pytest.mark.parametrize("n", [50, 541, 1_319])
def test_deciding_early_is_rarely_wrong_though_it_looks_at_every_sample(n: int) -> None:
    rng = np.random.default_rng(n + 3)
    for discordant in (0.1, 0.3, 0.5):
        on_these, on_others = false_decisions(n, discordant, REPLICAS, rng)
        assert on_these <= 0.05, "a difference of exactly zero over all documents was given a sign"
        assert on_others <= 0.05, "two models of equal skill were told apart"


@pytest.mark.parametrize("discordant", [0.1, 0.3, 0.5])
def test_a_watched_run_that_goes_on_to_its_end_keeps_the_promise_too(discordant: float) -> None:
    """Stopping early and the test at the end together: without the price for looking it would be up to 8 %."""
    rng = np.random.default_rng(13)
    assert false_verdicts_when_watched(541, discordant, REPLICAS, rng) <= 0.05


@pytest.mark.parametrize("delta", [0.02, 0.05])
def test_a_difference_of_delta_is_rarely_called_within_delta(delta: float) -> None:
    rng = np.random.default_rng(11)
    assert wrong_within(541, delta, 0.25, REPLICAS, rng) <= 0.05


@pytest.mark.parametrize("discordant", [0.15, 0.2, 0.25, 0.3])
def test_a_ten_point_effect_is_decided_before_half_of_ifeval(discordant: float) -> None:
    rng = np.random.default_rng(12)
    assert median_stop(541, 0.10, discordant, 101, rng) <= 0.45 * 541
