"""Effects of several tasks read together, against statsmodels, a published example and enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from statsmodels.stats.meta_analysis import combine_effects

from benchtui.evidence.pooling import effects, shrink, spread
from benchtui.evidence.typical_values import centre_interval, chance_of_no_more

# D. Rubin, "Estimation in parallel randomized experiments", 1981: coaching in eight schools.
SCHOOLS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERRORS = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])


@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_spread_and_mean_are_der_simonian_and_laird_s(scale: float) -> None:
    expected = combine_effects(SCHOOLS, (scale * ERRORS) ** 2, method_re="chi2")
    found = spread(SCHOOLS, (scale * ERRORS) ** 2)
    assert found.variance == pytest.approx(max(expected.tau2, 0), abs=1e-9)
    if expected.tau2 > 0:
        assert found.mean == pytest.approx(expected.mean_effect_re)
    else:
        assert found.mean == pytest.approx(expected.mean_effect_fe)


def test_effects_of_equal_size_are_drawn_together_as_james_and_stein_do() -> None:
    """Their estimator about the mean draws by (K - 3) v / S, for a spread of S / (K - 1) - v."""
    values, variance = np.array([0.40, 0.378, 0.356, 0.333, 0.311, 0.244, 0.222, 0.156]), 0.0043
    sum_of_squares = float(np.sum((values - values.mean()) ** 2))
    expected = values.mean() + (1 - (len(values) - 3) * variance / sum_of_squares) * (values - values.mean())
    found = shrink(values, np.full(len(values), variance))
    assert [one.value for one in found] == pytest.approx(expected.tolist())


def test_one_lucky_subject_is_not_read_at_face_value() -> None:
    values = np.array([0.20, 0.01, 0.0, -0.01, 0.02, 0.01, -0.02, 0.0, 0.01, 0.0])
    found = shrink(values, np.full(10, 0.25 / 100))
    assert 0 < found[0].value < 0.15
    assert found[0].interval.low < found[0].value < found[0].interval.high


def test_a_task_where_nothing_moved_is_not_known_exactly() -> None:
    moved, tasks = np.array([0.0] * 5 + [1.0, -1.0, 0.0, 0.0, 0.0]), np.repeat([0, 1], 5)
    means, variances = effects(moved, tasks)
    assert means.tolist() == [0.0, 0.0]
    assert 0 < variances[0] < variances[1]


def test_too_few_tasks_and_tasks_where_nothing_moved_are_left_alone() -> None:
    assert shrink(SCHOOLS[:5], ERRORS[:5] ** 2) == ()
    assert shrink(np.zeros(8), np.zeros(8)) == ()


def test_typical_values_are_the_test_that_turns_signs_for_every_centre() -> None:
    effects_seen = np.array([0.05, -0.02, 0.03, 0.08, 0.01, 0.04, -0.01, 0.06])
    for centre in (-0.03, 0.0, 0.0125, 0.05):
        left = effects_seen - centre
        signs = np.array(list(itertools.product([1, -1], repeat=8)))
        expected = np.mean(signs @ left >= left.sum() - 1e-12)
        assert chance_of_no_more(effects_seen, centre) == pytest.approx(expected)


@pytest.mark.parametrize("units", [6, 9, 20])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_interval_of_the_centre_leaves_out_zero_just_where_the_test_rejects(units: int, alpha: float) -> None:
    rng = np.random.default_rng(units)
    for _ in range(200):
        seen = np.round(rng.normal(0.02, 0.02, units), 2)
        p = min(1.0, 2 * min(chance_of_no_more(seen, 0.0), chance_of_no_more(-seen, 0.0)))
        found = centre_interval(seen, alpha)
        if found is None:
            assert p >= alpha
        else:
            assert found.excludes_zero() == (p < alpha)
            assert found.low <= seen.mean() <= found.high


def test_five_tasks_are_too_few_and_seven_at_one_percent() -> None:
    assert centre_interval(np.full(5, 0.1)) is None
    assert centre_interval(np.full(6, 0.1)) is not None
    assert centre_interval(np.full(7, 0.1), 0.01) is None
    assert centre_interval(np.full(8, 0.1), 0.01) is not None
