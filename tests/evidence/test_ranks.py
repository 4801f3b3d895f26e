"""Two kinds of values by their ranks: scipy's test within one stratum, and its level over several that differ."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchtui.evidence.ranks import rank_test

values = st.lists(st.integers(0, 9).map(float), min_size=1, max_size=12)


@given(values, values)
def test_one_stratum_is_scipy_s_test(first: list[float], second: list[float]) -> None:
    found = rank_test([(np.array(first), np.array(second))])
    assert found is not None
    assert found.p == pytest.approx(stats.mannwhitneyu(first, second).pvalue)
    share = np.mean([(a > b) + (a == b) / 2 for a in first for b in second])
    assert found.larger == pytest.approx(share)


@given(values, values)
@settings(max_examples=25)
def test_the_test_of_two_strata_is_that_of_all_ways_to_deal_them(first: list[float], second: list[float]) -> None:
    """Against a permutation test within the strata, of 2,000 draws."""
    rng = np.random.default_rng(4)
    strata = [(np.array(first), rng.integers(0, 9, 10).astype(float)), (np.array(second), rng.normal(0, 1, 11))]
    found = rank_test(strata)
    assert found is not None
    middle = sum(len(a) * len(b) for a, b in strata) / 2

    def statistic(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return ((a[..., :, None] > b[..., None, :]) + (a[..., :, None] == b[..., None, :]) / 2).sum((-1, -2))

    seen = abs(sum(float(statistic(a, b)) for a, b in strata) - middle)
    dealt = np.zeros(2000)
    for a, b in strata:
        order = rng.permuted(np.tile(np.concatenate((a, b)), (2000, 1)), axis=1)
        dealt += statistic(order[:, : len(a)], order[:, len(a) :])
    assert found.p == pytest.approx(np.mean(abs(dealt - middle) >= seen - 1e-9), abs=0.08)


def test_what_sets_strata_apart_is_no_difference_between_the_kinds() -> None:
    """Most of the first kind lies in the stratum of great values: pooled, that looks like a difference."""
    rng = np.random.default_rng(5)
    ours = pooled = 0
    for _ in range(200):
        low, high = rng.normal(0, 1, 50), rng.normal(3, 1, 50)
        strata = [(low[:10], low[10:]), (high[:40], high[40:])]
        found = rank_test(strata)
        assert found is not None
        ours += found.p < 0.05
        pooled += stats.mannwhitneyu(*(np.concatenate(side) for side in zip(*strata, strict=True))).pvalue < 0.05
    assert 0.02 <= ours / 200 <= 0.08
    assert pooled / 200 > 0.9


def test_without_values_of_both_kinds_nothing_is_said() -> None:
    assert rank_test([(np.ones(3), np.zeros(0)), (np.zeros(0), np.ones(2))]) is None
    same = rank_test([(np.ones(3), np.ones(2)), (np.ones(2), np.ones(2))])
    assert same is not None
    assert (same.p, same.larger) == (1.0, 0.5)
