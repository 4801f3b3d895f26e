"""Cost and quality: the ends, the line, the oracle, and one figure for a curve where there is one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.evidence.shares import wilson
from benchtui.routing.curve import MOST, Curve
from benchtui.routing.sweeps.choose import with_grid

SEEDS = st.integers(0, 10_000)


def deferred(signal: np.ndarray, small: np.ndarray, large: np.ndarray, thresholds: np.ndarray | None = None) -> Curve:
    inner = [each.value for each in with_grid((), signal)[0]] if thresholds is None else -np.sort(-thresholds)
    values = np.array([np.inf, *inner, -np.inf])
    takes = signal >= values[:, None]
    return Curve(values, np.where(takes, large, small), takes.astype(float))


def answers(rng: np.random.Generator, n: int, small: float = 0.4, large: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    return (rng.random(n) < small).astype(float), (rng.random(n) < large).astype(float)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, n=st.integers(1, 40))
def test_a_curve_of_deferred_documents_is_that_of_all_of_them_together(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    signal = rng.integers(0, 6, n) / 5
    small, large = answers(rng, n)
    found = deferred(signal, small, large)
    for threshold, mean, share in zip(found.thresholds, found.means, found.shares, strict=True):
        taken = [bool(each >= threshold) for each in signal]
        assert mean == pytest.approx(sum(b if t else s for t, s, b in zip(taken, small, large, strict=True)) / n)
        assert share == pytest.approx(sum(taken) / n)
    assert (found.means[0], found.means[-1]) == pytest.approx((small.mean(), large.mean()))
    assert (found.shares[0], found.shares[-1]) == (0.0, 1.0)
    np.testing.assert_allclose(found.line([0.0, 1.0]), [small.mean(), large.mean()])


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, n=st.integers(1, 40))
def test_no_deferral_is_better_than_the_oracle(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    small, large = answers(rng, n)
    found = deferred(rng.random(n), small, large)
    shares, scores = found.oracle()
    assert (shares[0], shares[-1]) == pytest.approx((0.0, 1.0))
    assert (np.interp(found.shares, shares, scores) >= found.means - 1e-12).all()
    assert scores.max() == pytest.approx(np.maximum(small, large).mean())
    gained = int(((large == 1) & (small == 0)).sum())
    assert scores[gained] == pytest.approx(scores.max())


def test_the_line_is_what_deferring_at_random_gives() -> None:
    """Over all subsets of two of five documents."""
    small, large = np.array([1.0, 0, 0, 1, 0]), np.array([1.0, 1, 1, 0, 1])
    means = [
        np.where(np.isin(np.arange(5), chosen), large, small).mean() for chosen in itertools.combinations(range(5), 2)
    ]
    assert np.mean(means) == pytest.approx(deferred(np.arange(5.0), small, large).line(0.4))


def test_points_have_intervals_by_document() -> None:
    rng = np.random.default_rng(0)
    small, large = answers(rng, 200)
    found = deferred(rng.random(200), small, large, np.array([0.5]))
    assert found.thresholds.tolist() == [np.inf, 0.5, -np.inf]
    first, middle, last = (found.work_at(row) for row in range(3))
    assert (first.value, first.high, last.low) == (0.0, 0.0, 1.0)
    score = found.score_at(2)
    assert score.value == large.mean()
    assert score.low == pytest.approx(wilson(int(large.sum()), 200).low, abs=0.002)
    assert middle.low is not None
    assert middle.value is not None
    assert middle.low < middle.value == found.shares[1]


def test_long_curves_are_drawn_through_some_of_their_thresholds() -> None:
    rng = np.random.default_rng(1)
    small, large = answers(rng, 3_000)
    found = deferred(rng.random(3_000), small, large)
    assert len(found.thresholds) == MOST + 2, "and both models alone"
    assert np.diff(found.shares).max() < 0.02


def test_the_figure_of_a_perfect_and_of_a_useless_signal() -> None:
    rng = np.random.default_rng(5)
    small, large = answers(rng, 400)
    best = deferred(large - small, small, large).recovered()
    assert best.value is not None
    assert best.interval is not None
    assert best.interval.low > 0.6
    assert best.interval.low <= best.value <= best.interval.high
    worst = deferred(small - large, small, large).recovered()
    assert worst.interval is not None
    assert worst.interval.high < 0.4


def test_the_figure_of_random_deferral_is_a_half_as_often_as_its_interval_says() -> None:
    rng, covered, rounds, values = np.random.default_rng(8), 0, 25, []
    for _ in range(rounds):
        small, large = answers(rng, 100)
        found = deferred(rng.random(100), small, large, np.linspace(0.1, 0.9, 9)).recovered()
        assert found.interval is not None
        assert found.value is not None
        values.append(found.value)
        covered += found.interval.low <= 0.5 <= found.interval.high
    assert covered >= 21
    assert np.mean(values) == pytest.approx(0.5, abs=4 * np.std(values) / np.sqrt(rounds))


def test_there_is_no_figure_where_the_models_do_not_differ() -> None:
    rng = np.random.default_rng(2)
    small = (rng.random(60) < 0.4).astype(float)
    large = small.copy()
    large[np.flatnonzero(small == 0)[:4]] = 1
    found = deferred(rng.random(60), small, large)
    assert found.difference.value == pytest.approx(4 / 60)
    assert found.recovered().why == "the models do not differ"
    assert found.recovered().value is None
    assert found.share_for(0.5) is None


def test_there_is_no_figure_for_a_worse_large_model_or_a_handful_of_documents() -> None:
    rng = np.random.default_rng(2)
    assert deferred(rng.random(100), np.ones(100), np.zeros(100)).recovered().why == "the large model is worse"
    assert deferred(rng.random(20), np.zeros(20), np.ones(20)).recovered().why == "too few documents"


def test_the_share_that_recovers_a_part_is_the_first_on_the_envelope() -> None:
    n = 100
    scores = np.zeros((5, n))
    for row, right in enumerate((0, 40, 20, 60, 80)):  # falls once
        scores[row, :right] = 1
    work = np.repeat(np.array([0.0, 0.25, 0.5, 0.75, 1.0])[:, None], n, axis=1)
    found = Curve(np.array([np.inf, 0.7, 0.5, 0.3, -np.inf]), scores, work)
    assert found.share_for(0.25) == pytest.approx(0.125)
    assert found.share_for(0.5) == pytest.approx(0.25)
    assert found.share_for(0.625) == pytest.approx(0.625)
    assert found.share_for(1.0) == pytest.approx(1.0)
    assert found.share_for(0.0) == 0.0


def test_what_is_no_curve_is_refused() -> None:
    ends = np.array([np.inf, -np.inf])
    with pytest.raises(ValueError, match="begins with the small model"):
        Curve(np.array([0.5, -np.inf]), np.zeros((2, 3)), np.array([[0.0] * 3, [1.0] * 3]))
    with pytest.raises(ValueError, match="must be 0 where the small one"):
        Curve(ends, np.zeros((2, 3)), np.ones((2, 3)))
    with pytest.raises(ValueError, match="are not of 2 thresholds"):
        Curve(ends, np.zeros((2, 0)), np.zeros((2, 0)))
