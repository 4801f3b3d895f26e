"""What a test of so many samples can see, against enumeration by scipy and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchtui.evidence.matched_pairs import mcnemar
from benchtui.evidence.power import detectable_mean, detectable_share, mcnemar_power, mean_power, samples_needed


def enumerated_power(n: int, discordant: float, difference: float, alpha: float) -> float:
    """Over every (changed, fixed) table, with scipy's binomial test in place of ours."""
    fixed_share, total = (discordant + difference) / 2 / discordant, 0.0
    for changed in range(1, n + 1):
        shown = [f for f in range(changed // 2 + 1, changed + 1) if stats.binomtest(f, changed).pvalue < alpha]
        if shown:
            wins = stats.binom.sf(min(shown) - 1, changed, fixed_share)
            total += float(stats.binom.pmf(changed, n, discordant) * wins)
    return total


@pytest.mark.parametrize(
    ("n", "discordant", "difference", "alpha"),
    [(20, 0.3, 0.2, 0.05), (60, 0.2, 0.1, 0.0125), (120, 0.5, 0.15, 0.01), (33, 1.0, 0.5, 0.05), (9, 0.9, 0.9, 0.05)],
)
def test_power_is_the_sum_over_every_table(n: int, discordant: float, difference: float, alpha: float) -> None:
    expected = enumerated_power(n, discordant, difference, alpha)
    assert mcnemar_power(n, discordant, difference, alpha) == pytest.approx(expected, abs=1e-11)


def test_power_is_how_often_simulated_comparisons_are_called_different() -> None:
    rng = np.random.default_rng(3)
    n, discordant, difference = 80, 0.3, 0.18
    shares = [(discordant + difference) / 2, (discordant - difference) / 2, 1 - discordant]
    drawn = rng.multinomial(n, shares, size=20_000)
    rejected = np.mean([mcnemar(int(fixed), int(broken)) < 0.05 for fixed, broken, _ in drawn])
    assert mcnemar_power(n, discordant, difference) == pytest.approx(rejected, abs=0.01)


@pytest.mark.parametrize(
    ("points", "discordant", "n"), [(5, 0.1, 337), (10, 0.3, 249), (2, 0.1, 2043), (5, 0.2, 658), (10, 0.1, 78)]
)
def test_samples_needed_are_those_of_the_exact_test(points: int, discordant: float, n: int) -> None:
    assert samples_needed(points / 100, discordant) == n
    assert mcnemar_power(n, discordant, points / 100) >= 0.8 > mcnemar_power(n - 1, discordant, points / 100)


@pytest.mark.parametrize(
    ("difference", "discordant"), [(0.5, 1.0), (0.2, 1.0), (0.7, 0.9), (0.5, 0.5), (0.3, 0.95), (1.0, 1.0)]
)
def test_with_more_samples_than_needed_the_power_never_falls_below(difference: float, discordant: float) -> None:
    n = samples_needed(difference, discordant)
    lacking = [k for k in range(3 * n + 60) if mcnemar_power(k, discordant, difference) < 0.8]
    assert max(lacking) == n - 1, "few samples: more can be worse, as the exact test has steps"


def test_no_number_of_samples_shows_no_difference() -> None:
    for size in (0.0, -0.1, 1.5):
        with pytest.raises(ValueError, match="no number of samples"):
            samples_needed(size, 0.2)


def test_five_samples_can_show_nothing_and_six_only_a_landslide() -> None:
    assert detectable_share(5, 0.5) is None
    assert detectable_share(6, 0.5) == pytest.approx(0.96, abs=0.01)


@pytest.mark.parametrize("n", [30, 100, 541, 1_319, 10_042, 14_042])
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 4, 0.01])
def test_what_is_detectable_has_eighty_percent_power(n: int, alpha: float) -> None:
    found = detectable_share(n, 0.2, alpha)
    assert found is not None
    assert mcnemar_power(n, max(0.2, found), found, alpha) >= 0.8
    assert mcnemar_power(n, max(0.2, found - 2e-6), found - 2e-6, alpha) < 0.8


def test_one_of_four_tasks_shows_only_larger_differences() -> None:
    assert round(100 * (detectable_share(541, 0.2) or 0), 1) == 5.5
    assert round(100 * (detectable_share(541, 0.2, 0.05 / 4) or 0), 1) == 6.5


def test_samples_needed_and_detectable_difference_are_inverse() -> None:
    for difference in (0.02, 0.05, 0.1):
        n = samples_needed(difference, 0.25)
        smaller, larger = detectable_share(n, 0.25), detectable_share(n - 1, 0.25)
        assert smaller is not None
        assert larger is not None
        assert smaller <= difference + 1e-6 < larger + 1e-6


def test_power_of_a_mean_is_what_a_t_test_finds() -> None:
    rng = np.random.default_rng(4)
    n, effect = 25, 0.5
    drawn = stats.ttest_1samp(rng.normal(effect, 1, (20_000, n)), 0, axis=1)
    assert mean_power(effect, 1 / np.sqrt(n), n) == pytest.approx(np.mean(drawn.pvalue < 0.05), abs=0.01)
    assert mean_power(0.3, 0.0, 5) == 1
    assert mean_power(0.3, 0.1, 1) == 0


@pytest.mark.parametrize("units", [2, 3, 10, 57])
def test_detectable_mean_is_what_a_t_test_finds_four_times_in_five(units: int) -> None:
    effect = detectable_mean(0.1, units)
    assert effect is not None
    critical = stats.t.ppf(0.975, units - 1)
    assert stats.nct.sf(critical, units - 1, effect / 0.1) == pytest.approx(0.8, abs=1e-6)
    assert detectable_mean(0.0, 25) is None
    assert detectable_mean(0.1, 1) is None
