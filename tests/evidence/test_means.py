"""Gaffke's bounds of a mean against what they are made of: random weights, and on 0/1 scores Clopper and Pearson's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchtui.evidence.means import Units, chance_of_no_more, mean_interval, units_of


def alone(values: np.ndarray, low: float = -1.0, high: float = 1.0) -> Units:
    n = len(values)
    found = units_of(values / n, np.full(n, 1 / n), (low, high))
    assert found is not None
    return found


@pytest.mark.parametrize(("n", "right"), [(1, 0), (1, 1), (5, 2), (20, 0), (100, 97), (541, 525), (14_042, 9_000)])
@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.05 / 57])
def test_on_right_or_wrong_scores_the_interval_is_clopper_and_pearsons(n: int, right: int, alpha: float) -> None:
    found = mean_interval(alone(np.array([1.0] * right + [0.0] * (n - right)), 0.0, 1.0), alpha)
    expected = stats.binomtest(right, n).proportion_ci(1 - alpha)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-8)


@pytest.mark.parametrize("n", [1, 3, 10, 60])
@pytest.mark.parametrize("x", [-0.3, 0.0, 0.1])
def test_chance_is_that_of_random_weights_with_one_unseen_unit(n: int, x: float) -> None:
    rng = np.random.default_rng(n)
    values = rng.normal(0, 0.3, n).clip(-1, 1)
    weights = rng.standard_exponential((200_000, n + 1))
    drawn = (weights @ np.append(values, -1.0)) / weights.sum(axis=1)
    assert chance_of_no_more(alone(values), x) == pytest.approx(float(np.mean(drawn <= x)), abs=0.005)


@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.05 / 57])
def test_each_end_is_where_its_one_sided_chance_is_half_of_alpha(alpha: float) -> None:
    rng = np.random.default_rng(3)
    for n in (2, 7, 40, 300):
        units = alone(rng.normal(0.05, 0.2, n).clip(-1, 1))
        found = mean_interval(units, alpha)
        assert chance_of_no_more(units, found.low) == pytest.approx(alpha / 2, rel=1e-6)
        assert chance_of_no_more(units.mirrored(), -found.high) == pytest.approx(alpha / 2, rel=1e-6)


@pytest.mark.parametrize("n", [1, 4, 60])
def test_documents_that_all_moved_alike_say_nothing_certain_of_the_next(n: int) -> None:
    """A loss of 1 that none of n documents shows may still befall a share of 1 - 0.025^(1/n)."""
    unseen = 1 - 0.025 ** (1 / n)
    found = mean_interval(alone(np.full(n, 0.03)))
    assert found.low == pytest.approx((1 - unseen) * 0.03 - unseen, abs=1e-8)
    assert found.high == pytest.approx((1 - unseen) * 0.03 + unseen, abs=1e-8)
