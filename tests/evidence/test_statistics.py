"""The statistics against statsmodels' and scipy's own, on random tables."""

from __future__ import annotations

import gc
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.regression.linear_model import WLS
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from benchtui.evidence.corrections import holm
from benchtui.evidence.matched_pairs import chance_of_no_more, fewest, matched_interval, mcnemar
from benchtui.evidence.records import Interval
from benchtui.evidence.shares import clopper_pearson, wilson
from benchtui.evidence.student import t_interval, weighted_stderr

TABLES = 200


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_mcnemar_is_statsmodels_exact_test(rng: np.random.Generator) -> None:
    for _ in range(TABLES):
        a, fixed, broken, d = (int(x) for x in rng.integers(0, rng.integers(2, 400), 4))
        if fixed + broken == 0:
            continue
        expected = reference_mcnemar([[a, fixed], [broken, d]], exact=True).pvalue
        assert mcnemar(fixed, broken) == pytest.approx(min(expected, 1.0), rel=1e-9)


def test_mcnemar_of_no_change_says_nothing() -> None:
    assert mcnemar(0, 0) == 1.0


@pytest.mark.parametrize("alpha", [0.05, 0.04, 0.01, 0.0125, 0.05 / 57, 0.5, 0.0625, 1.0])
def test_fewest_samples_are_the_first_that_can_show_anything(alpha: float) -> None:
    least = fewest(alpha)
    assert mcnemar(least, 0) < alpha
    assert mcnemar(least - 1, 0) >= alpha


def test_wilson_is_statsmodels_interval(rng: np.random.Generator) -> None:
    for _ in range(TABLES):
        n = int(rng.integers(1, 500))
        successes = int(rng.integers(0, n + 1))
        low, high = proportion_confint(successes, n, method="wilson")
        found = wilson(successes, n)
        assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)


def test_holm_is_statsmodels_correction(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gc, "collect", lambda: 0)  # statsmodels collects garbage at every call, for twenty seconds
    for _ in range(TABLES):
        p_values = [float(p) for p in rng.random(rng.integers(1, 12)) ** rng.integers(1, 5)]
        if rng.random() < 0.3:
            p_values.append(p_values[0])  # ties
        assert holm(p_values) == pytest.approx(list(multipletests(p_values, method="holm")[1]), rel=1e-9)
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=6), st.integers(0, 20))
def test_holm_of_some_tests_counts_the_others_with_p_of_one(p_values: list[float], others: int) -> None:
    tests = len(p_values) + others
    assert holm(p_values, tests=tests) == holm([*p_values, *[1.0] * others])[: len(p_values)]


def test_weighted_standard_error_is_statsmodels_sandwich(rng: np.random.Generator) -> None:
    for _ in range(TABLES):
        n = int(rng.integers(2, 300))
        values, weights = rng.normal(size=n), rng.uniform(0.1, 2, n)
        fitted = WLS(values, np.ones(n), weights=weights).fit(cov_type="HC1")
        assert weighted_stderr(values, weights) == pytest.approx(float(fitted.bse[0]), rel=1e-9)


def test_t_interval_is_scipys(rng: np.random.Generator) -> None:
    values = rng.normal(0.3, 1, 40)
    reference = stats.ttest_1samp(values, 0)
    stderr = weighted_stderr(values, np.ones(40))
    ends = reference.confidence_interval()
    found = t_interval(float(values.mean()), stderr, 40)
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high), rel=1e-9)


def test_all_changed_the_same_way_reaches_the_end_of_the_scale() -> None:
    assert matched_interval(100, 0, 100).high == 1
    assert matched_interval(0, 100, 100).low == -1


def test_matched_interval_of_many_changes_is_close_to_millers() -> None:
    differences = np.array([1.0] * 1300 + [-1.0] * 1200 + [0.0] * 11542)
    n = len(differences)
    stderr = np.sqrt(np.sum((differences - differences.mean()) ** 2)) / n
    found = matched_interval(1300, 1200, n)
    assert found.low == pytest.approx(differences.mean() - 1.959964 * stderr, abs=2 / n)
    assert found.high == pytest.approx(differences.mean() + 1.959964 * stderr, abs=2 / n)


@pytest.mark.parametrize(("fixed", "broken", "n"), [(12, 5, 80), (3, 9, 40), (1, 1, 10), (20, 0, 30), (5, 6, 11)])
@pytest.mark.parametrize("difference", [-0.3, -0.02, 0.02, 0.25])
def test_matched_bound_is_drawn_from_its_two_distributions(
    fixed: int, broken: int, n: int, difference: float, rng: np.random.Generator
) -> None:
    changed, same, draws = fixed + broken, n - fixed - broken, 400_000
    better = rng.beta(fixed, broken + 1, draws)
    if difference < 0:
        share = rng.beta(changed + 1, same, draws) if same else np.ones(draws)
    else:
        share = rng.beta(changed, same + 1, draws)
    expected = np.mean(share * (2 * better - 1) <= difference)
    assert chance_of_no_more(fixed, broken, n, difference) == pytest.approx(expected, abs=0.004)


@pytest.mark.parametrize("alpha", [0.05, 0.0125, 0.01, 0.001])
def test_matched_interval_leaves_out_zero_just_where_mcnemar_rejects(alpha: float) -> None:
    for n in (5, 12, 40):
        for fixed in range(n + 1):
            for broken in range(n + 1 - fixed):
                found = matched_interval(fixed, broken, n, alpha)
                assert found.excludes_zero() == (mcnemar(fixed, broken) < alpha)
                assert found.low <= (fixed - broken) / n <= found.high


def test_nothing_changed_is_clopper_and_pearsons_bound() -> None:
    assert matched_interval(0, 0, 60).high == pytest.approx(1 - 0.025 ** (1 / 60), abs=1e-9)


def test_nothing_warns_at_the_edges() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert wilson(0, 5).low == 0.0
        assert wilson(5, 5).high == 1.0
        assert matched_interval(6, 0, 6).low > 0


def test_the_sign_test_and_its_interval_are_scipys_for_all_outcomes_of_sixty_votes() -> None:
    for wins in range(61):
        for losses in range(61):
            if wins + losses == 0:
                continue
            found, expected = clopper_pearson(wins, wins + losses), stats.binomtest(wins, wins + losses)
            ends = expected.proportion_ci(0.95, "exact")
            assert mcnemar(wins, losses) == pytest.approx(expected.pvalue, rel=1e-9)
            assert (found.low, found.high) == pytest.approx((ends.low, ends.high), abs=1e-9)
            assert (mcnemar(wins, losses) < 0.05) == (not found.low <= 0.5 <= found.high)


def test_no_vote_says_nothing_of_a_share() -> None:
    assert clopper_pearson(0, 0) == Interval(0.0, 1.0)
