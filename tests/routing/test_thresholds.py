"""A threshold on documents that it was not chosen on: coverage where tokens are not independent, verdicts that hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from benchtui.evidence.matched_pairs import chance_of_no_more as exact
from benchtui.evidence.shares import wilson
from benchtui.routing.paired import chance_of_no_more, paired
from benchtui.routing.thresholds import calibrates, for_share, held_out_share, verdict


def test_halves_depend_on_nothing_but_the_document_and_the_seed() -> None:
    hashes = [f"{number:064x}" for number in range(2_000)]
    found = calibrates(hashes)
    assert 900 < found.sum() < 1_100
    assert calibrates(hashes[::-1]).tolist() == found[::-1].tolist()
    assert calibrates(hashes[:7]).tolist() == found[:7].tolist()
    other = calibrates(hashes, seed=1)
    assert 0.4 < (found == other).mean() < 0.6
    assert calibrates(["a", "b", "a"])[[0, 2]].tolist() in ([True, True], [False, False])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50, unique=True), st.floats(0, 1))
def test_a_threshold_for_a_share_is_a_quantile_that_can_be_typed(values: list[float], wanted: float) -> None:
    found = for_share(values, wanted)
    reached = sum(value >= found.value for value in values)
    assert abs(reached - wanted * len(values)) <= 1 + 1e-3
    if math.isinf(found.value):
        assert wanted < 1e-4
    else:
        percent = float(str(found.asked)[1:])
        assert found.value == pytest.approx(float(np.quantile(values, percent / 100)))


def test_thirty_percent_is_p70() -> None:
    assert for_share(np.arange(11.0), 0.3).asked == "p70"
    assert for_share([0.1], 0.0).value == math.inf
    for wanted in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="must be from 0 to 1"):
            for_share([0.1], wanted)
    with pytest.raises(ValueError, match="quantile of nothing"):
        for_share([], 0.5)


def signals(rng: np.random.Generator, documents: int) -> list[np.ndarray]:
    """Uniform from 0 to 1; the tokens of a document are unsure together (correlation 0.36)."""
    sizes = rng.integers(10, 60, documents)
    return [special.ndtr(0.6 * rng.normal() + 0.8 * rng.normal(size=size)) for size in sizes]


@pytest.mark.parametrize("wanted", [0.1, 0.3])
def test_the_share_on_other_documents_is_within_its_interval(wanted: float) -> None:
    rng, rounds = np.random.default_rng(11), 1_500
    covered = as_if_independent = 0
    for _ in range(rounds):
        threshold = for_share(np.concatenate(signals(rng, 40)), wanted).value
        true = 1 - threshold
        found = held_out_share(signals(rng, 60), threshold)
        assert found.low is not None
        assert found.high is not None
        assert found.value is not None
        covered += found.low <= true <= found.high
        ends = wilson(round(found.value * found.n), found.n)
        as_if_independent += ends.low <= true <= ends.high
    assert 0.93 <= covered / rounds <= 0.97
    assert as_if_independent / rounds < 0.70


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_right_and_wrong_answers_are_compared_exactly(answers: list[tuple[bool, bool]]) -> None:
    first, second = np.array(answers, float).T
    fixed, broken = int(((first == 0) & (second == 1)).sum()), int(((first == 1) & (second == 0)).sum())
    found = paired(first, second)
    assert found.value == pytest.approx((fixed - broken) / len(answers))
    assert found.interval is not None
    p = stats.binomtest(min(fixed, broken), fixed + broken).pvalue if fixed + broken else 1.0
    assert found.interval.excludes_zero() == (p < 0.05)
    assert chance_of_no_more(first, second, -0.1) == exact(fixed, broken, len(answers), -0.1)


def test_other_scores_are_compared_on_their_scale() -> None:
    rng = np.random.default_rng(2)
    first = rng.random(300)
    second = np.clip(first + rng.normal(0.05, 0.1, 300), 0, 1)
    found = paired(first, second)
    half = 1.96 * (second - first).std() / math.sqrt(300)
    assert found.interval is not None
    assert found.interval.low == pytest.approx(found.value - half, abs=0.01)
    assert found.interval.high == pytest.approx(found.value + half, abs=0.01)
    assert paired(first * 100, second * 100).n == 300
    assert paired([3.0, 5.0], [4.0, 9.0]).interval is None
    assert chance_of_no_more([3.0, 5.0], [4.0, 9.0], 0.0) == 1.0


def test_not_worse_is_said_only_where_it_is_shown() -> None:
    large = np.array([1.0] * 280 + [0.0] * 120)
    nearly = large.copy()
    nearly[:3] = 0
    nearly[-2:] = 1
    found = verdict(nearly, large, 0.03)
    assert found.shown
    assert found.difference.value == pytest.approx(-1 / 400)
    assert found.p == exact(2, 3, 400, -0.03)
    few = verdict(nearly[270:300], large[270:300], 0.03)
    assert not few.shown
    worse = large.copy()
    worse[:30] = 0
    assert not verdict(worse, large, 0.03).shown
    with pytest.raises(ValueError, match="margin"):
        verdict(nearly, large, 3)
    with pytest.raises(ValueError, match="not of the same documents"):
        verdict(nearly[:5], large, 0.03)


def test_a_rule_that_is_worse_by_the_margin_is_seldom_called_not_worse() -> None:
    rng = np.random.default_rng(4)
    shown = 0
    for _ in range(1_000):
        large = (rng.random(200) < 0.7).astype(float)
        rule = np.where(rng.random(200) < 0.05 / 0.7, 0.0, large)
        shown += verdict(rule, large, 0.05).shown
    assert shown / 1_000 <= 0.06
