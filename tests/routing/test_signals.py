"""How unsure a model is: every signal against an independent computation in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from benchtui.routing.signals import SIGNALS, likeliest, of_choices, of_distributions, of_scores, of_text
from benchtui.tokens.records import TokenScores

SPREADS = st.sampled_from([0.0, 0.3, 3.0, 12.0])


def made(seed: int, rows: int, size: int, spread: float, level: float = 20.0) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=(rows, size)) * spread + level).astype(np.float32)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    return special.log_softmax(logits.astype(np.float64), axis=-1)


def independent(name: str, logits: np.ndarray, k: int) -> float:
    """One row, in float64, from the definitions."""
    logits = logits.astype(np.float64)
    p = np.sort(special.softmax(logits))[::-1]
    if name == "uncertainty":
        return float(stats.entropy(p[:10]) / math.log(10))
    if name == "entropy":
        return float(stats.entropy(p))
    if name == "margin":
        return float(1 - (p[0] - p[1]))
    if name == "least-confidence":
        return float(1 - p[0])
    evidence = sorted(logits, reverse=True)[:k]
    if min(evidence) <= 0:
        return math.nan
    total = sum(evidence)
    if name == "logtoku":
        return float(-sum(a / total * (special.psi(a + 1) - special.psi(total + 1)) for a in evidence))
    return k / (total + k)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    size=st.sampled_from([10, 11, 200]),
    spread=SPREADS,
    k=st.sampled_from([2, 5, 10]),
    level=st.sampled_from([-40.0, 8.0, 25.0]),
)
def test_every_signal_is_the_one_of_its_definition(seed: int, size: int, spread: float, k: int, level: float) -> None:
    logits = made(seed, 4, size, spread, level)
    logprobs, sums = log_softmax(logits).astype(np.float32), special.logsumexp(logits.astype(np.float64), axis=-1)
    for name in SIGNALS:
        found = of_distributions(name, logprobs, sums, k)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, [independent(name, row, k) for row in logits], atol=2e-5, rtol=1e-5)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), spread=SPREADS)
def test_what_is_stored_of_a_text_gives_the_same_signals(seed: int, spread: float) -> None:
    logits = made(seed, 6, 60, spread)
    logprobs = log_softmax(logits).astype(np.float32)
    sums = special.logsumexp(logits, axis=-1).astype(np.float32)
    order = np.argsort(-logprobs, axis=-1, kind="stable")[:, :10].astype(np.int32)
    entropy = of_distributions("entropy", logprobs)
    zeros = np.zeros(6, np.float32)
    tops = np.take_along_axis(logprobs, order, -1)
    scores = TokenScores(zeros, entropy, zeros.astype(np.int32), order, tops, sums)
    for name in SIGNALS:
        np.testing.assert_allclose(of_scores(name, scores), of_distributions(name, logprobs, sums), atol=1e-6)


def test_the_ends_of_the_scales() -> None:
    equal = np.full((1, 50), -math.log(50), np.float32)
    sure = np.full((1, 50), -np.inf, np.float32)
    sure[0, 7] = 0.0
    ends = {"uncertainty": 1.0, "entropy": math.log(50), "margin": 1.0, "least-confidence": 0.98}
    for name, end in ends.items():
        assert of_distributions(name, equal)[0] == pytest.approx(end, abs=1e-6)
        assert of_distributions(name, sure)[0] == 0.0


def test_where_fewer_tokens_are_told_the_signal_is_not_known() -> None:
    ids = np.array([[3, 4, *[-1] * 8], [*range(10)]], np.int32)
    tops = np.log(np.full((2, 10), 0.1, np.float32))
    none = np.full(2, np.nan, np.float32)
    scores = TokenScores(none, none, np.zeros(2, np.int32), ids, tops, none)
    assert np.isnan(of_scores("uncertainty", scores)).tolist() == [True, False]
    assert not np.isnan(of_scores("margin", scores)).any()
    assert np.isnan(of_scores("entropy", scores)).all()


def test_logtoku_is_refused_without_raw_logits_and_changes_with_their_level() -> None:
    logits = made(1, 3, 40, 2.0)
    logprobs = log_softmax(logits).astype(np.float32)
    with pytest.raises(ValueError, match="needs raw logits"):
        of_distributions("logtoku", logprobs)
    with pytest.raises(ValueError, match="needs raw logits"):
        of_distributions("logtoku-eu", logprobs, np.full(3, np.nan))
    sums = special.logsumexp(logits, axis=-1)
    one, higher = (of_distributions("logtoku", logprobs, sums + level) for level in (0.0, 30.0))
    assert (np.abs(one - higher) > 1e-3).all()
    assert "level of the logits" in SIGNALS["logtoku"].warning
    assert not SIGNALS["uncertainty"].warning


def test_a_distribution_that_is_not_one_is_refused() -> None:
    broken = np.zeros((1, 20), np.float32)
    broken[0, 3] = np.nan
    for name in SIGNALS:
        with pytest.raises(ValueError, match="not numbers"):
            of_distributions(name, broken, np.zeros(1))


@given(st.lists(st.floats(-80, 0), min_size=1, max_size=6))
def test_choices_are_compared_by_what_is_left_for_the_others(scores: list[float]) -> None:
    p = special.softmax(np.array(scores))
    assert of_choices("confidence", scores) == pytest.approx(1 - p.max(), abs=1e-12)
    second, best = sorted([-math.inf, *scores])[-2:]
    assert of_choices("margin", scores) == pytest.approx(math.exp(second - best), abs=1e-12)
    with pytest.raises(ValueError, match="not of choices"):
        of_choices("mean-logprob", scores)


@given(st.lists(st.floats(-20, 0), min_size=1, max_size=40), st.floats(0, 1))
def test_a_text_is_scored_by_its_tokens(logprobs: list[float], quantile: float) -> None:
    assert of_text("mean-logprob", logprobs) == pytest.approx(-sum(logprobs) / len(logprobs), abs=1e-9)
    low = sorted(logprobs)[math.floor(quantile * (len(logprobs) - 1))]
    assert of_text("low-logprob", logprobs, quantile) == pytest.approx(-low)
    with pytest.raises(ValueError, match="of choices"):
        of_text("margin", logprobs)


def test_what_has_no_score_is_refused() -> None:
    with pytest.raises(ValueError, match="without tokens"):
        of_text("mean-logprob", [])
    with pytest.raises(ValueError, match="no choice"):
        of_choices("margin", [-math.inf, -math.inf])


@pytest.mark.parametrize("size", [3, 10, 11, 10_239, 10_240, 10_271, 50_000])
@pytest.mark.parametrize("k", [2, 10])
def test_the_greatest_are_found_in_vocabularies_of_every_size(size: int, k: int) -> None:
    """Large ones are looked through in blocks: also where the greatest are neighbours, equal, or impossible."""
    rng = np.random.default_rng(size)
    rows = rng.normal(size=(6, size)).astype(np.float32)
    rows[1] = np.arange(size)
    rows[2] = -np.arange(size)
    rows[3] = 0.25
    rows[4, size // 3 :] = -np.inf
    rows[5, -1] = 99.0
    expected = np.pad(-np.sort(-rows, axis=-1)[:, :k], ((0, 0), (0, max(0, k - size))), constant_values=-np.inf)
    np.testing.assert_array_equal(likeliest(rows, k), expected)
