"""What a test of so many samples can see, against simulation and the known table."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchtui.evidence.matched_pairs import mcnemar
from benchtui.evidence.power import detectable_mean, detectable_share, mcnemar_power, samples_needed


def test_power_is_how_often_simulated_comparisons_are_called_different() -> None:
    rng = np.random.default_rng(3)
    n, discordant, difference = 80, 0.3, 0.18
    shares = [(discordant + difference) / 2, (discordant - difference) / 2, 1 - discordant]
    drawn = rng.multinomial(n, shares, size=20_000)
    rejected = np.mean([mcnemar(int(fixed), int(broken)) < 0.05 for fixed, broken, _ in drawn])
    assert mcnemar_power(n, discordant, difference) == pytest.approx(rejected, abs=0.01)


@pytest.mark.parametrize(
    ("n", "discordant", "points"),
    [(541, 0.1, 3.8), (541, 0.2, 5.4), (1319, 0.2, 3.4), (10042, 0.1, 0.9), (14042, 0.3, 1.3)],
)
def test_detectable_difference_agrees_with_the_normal_table(n: int, discordant: float, points: float) -> None:
    assert 100 * (detectable_share(n, discordant) or 0) == pytest.approx(points, abs=0.2)


def test_five_samples_can_show_nothing_and_six_only_a_landslide() -> None:
    assert detectable_share(5, 0.5) is None
    assert detectable_share(6, 0.5) == pytest.approx(0.96, abs=0.01)


def test_what_is_detectable_has_eighty_percent_power() -> None:
    for n in (30, 100, 541):
        found = detectable_share(n, 0.25)
        assert found is not None
        assert mcnemar_power(n, max(0.25, found), found) == pytest.approx(0.8, abs=0.02)


def test_samples_needed_and_detectable_difference_are_inverse() -> None:
    for difference in (0.02, 0.05, 0.1):
        n = samples_needed(difference, 0.25)
        assert detectable_share(n, 0.25) == pytest.approx(difference, rel=0.06)


def test_detectable_mean_is_what_a_t_test_finds_four_times_in_five() -> None:
    rng = np.random.default_rng(4)
    n = 25
    effect = detectable_mean(1 / np.sqrt(n), n)
    assert effect is not None
    found = stats.ttest_1samp(rng.normal(effect, 1, (8_000, n)), 0, axis=1).pvalue < 0.05
    assert np.mean(found) == pytest.approx(0.8, abs=0.03)
    assert detectable_mean(0.0, 25) is None
    assert detectable_mean(0.1, 1) is None
