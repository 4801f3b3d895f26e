"""Cost and quality: the ends, the line, random routing, the oracle, and one figure for a curve where there is one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.evidence.shares import wilson
from benchtui.routing.curve import MOST, Curve, curve, routed_at_random, token_curve
from benchtui.routing.steps import Steps, swept
from benchtui.routing.sweep import Choices, Request, defer

SEEDS = st.integers(0, 10_000)


def deferred(signal: np.ndarray, small: np.ndarray, large: np.ndarray, thresholds: np.ndarray | None = None) -> Curve:
    scores = [swept([u], [s], [b]) for u, s, b in zip(signal, small, large, strict=True)]
    return curve(scores, [swept([u], [0.0], [1.0]) for u in signal], thresholds)


def answers(rng: np.random.Generator, n: int, small: float = 0.4, large: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    return (rng.random(n) < small).astype(float), (rng.random(n) < large).astype(float)


def choices_of(rng: np.random.Generator, tokens: tuple[int, ...]) -> Choices:
    requests = []
    for n in tokens:
        small, large = -rng.exponential(1, (2, n))
        requests.append(Request(small, large, rng.random(n), np.ones(n, bool), np.ones(n, bool)))
    return Choices(tuple(requests), 0)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, n=st.integers(1, 40))
def test_a_curve_of_deferred_documents_is_that_of_all_of_them_together(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    signal = rng.integers(0, 6, n) / 5
    small, large = answers(rng, n)
    found = deferred(signal, small, large)
    score, part = defer(signal, small, large)
    np.testing.assert_allclose(found.means, score.at(found.thresholds))
    np.testing.assert_allclose(found.shares, part.at(found.thresholds))
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
    first, middle, last = found.points
    assert (first.threshold, middle.threshold, last.threshold) == (np.inf, 0.5, -np.inf)
    assert (first.work.value, first.work.high, last.work.low) == (0.0, 0.0, 1.0)
    assert last.score.value == large.mean()
    assert last.score.low == pytest.approx(wilson(int(large.sum()), 200).low, abs=0.002)
    assert middle.work.low is not None
    assert middle.work.value is not None
    assert middle.work.low < middle.work.value == found.shares[1]


def test_long_curves_are_drawn_through_some_of_their_thresholds() -> None:
    rng = np.random.default_rng(1)
    small, large = answers(rng, 3_000)
    found = deferred(rng.random(3_000), small, large)
    assert len(found.thresholds) == MOST
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


def test_tokens_routed_at_random_are_not_on_the_line() -> None:
    """Against all ways to route the four tokens of a question."""
    rng = np.random.default_rng(21)
    document, part = choices_of(rng, (2, 2)), 0.3
    exact = 0.0
    for way in itertools.product((False, True), repeat=4):
        chance = np.prod([part if large else 1 - part for large in way])
        by_large = np.array(way).reshape(2, 2)
        totals = [
            np.where(row, each.large, each.small).sum() for row, each in zip(by_large, document.requests, strict=True)
        ]
        exact += chance * (np.argmax(totals) == 0)
    found = routed_at_random([document], [0.0, part, 1.0], repeats=4_000)
    assert found[1] == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 4_000))
    assert abs(exact - (found[0] + part * (found[2] - found[0]))) > 0.05


def test_a_curve_of_routed_tokens_counts_tokens() -> None:
    rng = np.random.default_rng(3)
    documents = [choices_of(rng, (3, 2)), choices_of(rng, (5, 1))]
    found = token_curve(documents, [0.5])
    reached = sum(int((each.signal >= 0.5).sum()) for document in documents for each in document.requests)
    assert found.work[1].sum() == reached
    assert found.work[-1].tolist() == [5, 6]


def test_what_is_no_curve_is_refused() -> None:
    ends = np.array([np.inf, -np.inf])
    with pytest.raises(ValueError, match="begins with the small model"):
        Curve(np.array([0.5, -np.inf]), np.zeros((2, 3)), np.array([[0.0] * 3, [1.0] * 3]))
    with pytest.raises(ValueError, match="must be 0 where the small one"):
        Curve(ends, np.zeros((2, 3)), np.ones((2, 3)))
    with pytest.raises(ValueError, match="are not of 2 thresholds"):
        Curve(ends, np.zeros((2, 0)), np.zeros((2, 0)))
    assert isinstance(swept([], [], []), Steps)
