"""Every threshold from one pass: against a router that goes token by token, and the laws of probability."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.routing.rules import RouteRule, SwitchRule
from benchtui.routing.signals import SIGNALS, of_distributions
from benchtui.routing.steps import Steps, swept, total
from benchtui.routing.sweep import (
    Choices,
    Request,
    correct,
    defer,
    large_positions,
    large_tokens,
    per_document,
    predictions,
    routed,
    scores_by,
    switched,
    tokens_of,
)

SEEDS = st.integers(0, 10_000)


def request(rng: np.random.Generator, n: int) -> Request:
    """Signals that occur several times, and now and then a token without a probability."""
    small, large = (np.where(rng.random(n) < 0.05, -np.inf, -rng.exponential(2, n)) for _ in range(2))
    signal = rng.integers(0, 8, n).astype(np.float32) / np.float32(7)
    return Request(small, large, signal, rng.random(n) < 0.8, rng.random(n) < 0.8)


def thresholds_of(*requests: Request) -> list[float]:
    values = {float(value) for each in requests for value in each.signal}
    around = {side for value in values for side in (np.nextafter(value, -1), value, np.nextafter(value, 2))}
    return sorted({-math.inf, 0.0, 0.5, math.inf, *around})


def naive(one: Request, threshold: float, hold: int = 1) -> tuple[float, int, bool]:
    """Go token by token, as a router does that writes."""
    rule, since = RouteRule("uncertainty", threshold, hold), None
    score, large, greedy = 0.0, 0, True
    for place, signal in enumerate(one.signal):
        since = 0 if rule.reached(signal) else None if since is None else since + 1
        by_large = rule.writer(since) == "b"
        score += float((one.large if by_large else one.small)[place])
        large += by_large
        greedy &= bool((one.large_top if by_large else one.small_top)[place])
    return score, large, greedy


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, n=st.integers(0, 12), hold=st.integers(1, 4))
def test_a_request_at_every_threshold_is_what_a_router_makes_token_by_token(seed: int, n: int, hold: int) -> None:
    one = request(np.random.default_rng(seed), n)
    found = routed(one.held(hold))
    thresholds = thresholds_of(one)
    expected = [naive(one, threshold, hold) for threshold in thresholds]
    np.testing.assert_allclose(found.score.at(thresholds), [score for score, _, _ in expected], atol=1e-12)
    assert found.large.at(thresholds).tolist() == [large for _, large, _ in expected]
    assert found.greedy.at(thresholds).tolist() == [greedy for _, _, greedy in expected]
    assert found.tokens == n
    assert len(found.score.values) <= n + 1
    assert (np.diff(found.large.values) >= 0).all()
    assert (found.score.small, found.score.large) == (one.small.sum(), one.large.sum())


@settings(max_examples=60, deadline=None)
@given(
    seed=SEEDS,
    n=st.integers(0, 12),
    stay=st.integers(1, 3),
    back=st.sampled_from([0.0, 0.5, 1.0]),
    begins_large=st.booleans(),
)
def test_with_two_thresholds_it_is_what_the_switching_rule_decides(
    seed: int, n: int, stay: int, back: float, begins_large: bool
) -> None:
    one = request(np.random.default_rng(seed), n)
    ups = np.array([0.0, 0.2, 0.5, 3 / 7, 0.99, 2.0])
    by_large = switched(one.signal, ups, back * ups, stay, "b" if begins_large else "a")
    scores = scores_by(one, by_large)
    for row, up in enumerate(ups):
        rule = SwitchRule("js", up, back * up, stay, "b" if begins_large else "a")
        side, since, score = rule.start, None, 0.0
        for place, signal in enumerate(one.signal):
            if rule.leaves(side, float(signal), since):
                side, since = ("a" if side == "b" else "b"), 0
            since = None if since is None else since + 1
            assert by_large[row, place] == (side == "b")
            score += float((one.large if side == "b" else one.small)[place])
        assert scores[row] == pytest.approx(score, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, choices=st.integers(1, 4), hold=st.integers(1, 2), by_length=st.booleans())
def test_a_document_with_choices_is_predicted_as_at_each_threshold_alone(
    seed: int, choices: int, hold: int, by_length: bool
) -> None:
    rng = np.random.default_rng(seed)
    requests = tuple(request(rng, int(rng.integers(1, 6))) for _ in range(choices))
    sizes = tuple(float(size) for size in rng.integers(1, 30, choices)) if by_length else None
    document = Choices(requests, int(rng.integers(choices)), sizes)
    held = document.held(hold)
    thresholds = thresholds_of(*requests)
    found, right = predictions(held).at(thresholds), correct(held).at(thresholds)
    counted = large_tokens(held).at(thresholds)
    for row, threshold in enumerate(thresholds):
        runs = [naive(each, threshold, hold) for each in requests]
        scores = np.array([score for score, _, _ in runs]) / (1.0 if sizes is None else np.array(sizes))
        best = scores.max()
        assert math.isclose(scores[found[row]], best, abs_tol=1e-12) or scores[found[row]] == best
        assert right[row] == float(found[row] == document.right)
        assert counted[row] == sum(large for _, large, _ in runs)
    assert counted[0] == tokens_of(document)
    assert counted[-1] == 0


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, choices=st.integers(1, 3), prompt=st.integers(1, 9))
def test_the_large_model_reads_everything_before_the_last_token_that_it_scores(seed, choices, prompt) -> None:
    rng = np.random.default_rng(seed)
    requests = tuple(request(rng, int(rng.integers(1, 6))) for _ in range(choices))
    found = large_positions(Choices(requests, 0), prompt)
    for threshold in thresholds_of(*requests):
        scored = [[place for place, u in enumerate(each.signal) if float(u) >= threshold] for each in requests]
        read = sum(max(places) for places in scored if places) + prompt if any(scored) else 0
        assert found.at([threshold])[0] == read


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, n=st.integers(1, 30))
def test_deferred_documents_are_answered_by_the_large_model(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    signal = rng.integers(0, 5, n) / 4
    small, large = rng.integers(0, 2, (2, n)).astype(float)
    score, share = defer(signal, small, large)
    for threshold in (-1.0, 0.0, 0.25, 0.3, 1.0, math.inf):
        deferred = signal >= threshold
        assert score.at([threshold])[0] == pytest.approx(np.where(deferred, large, small).mean())
        assert share.at([threshold])[0] == pytest.approx(deferred.mean())


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, parts=st.integers(1, 5))
def test_sums_of_step_functions_are_sums_at_every_threshold(seed: int, parts: int) -> None:
    rng = np.random.default_rng(seed)
    each = [swept(rng.integers(0, 6, n), rng.normal(size=n), rng.normal(size=n)) for n in rng.integers(0, 6, parts)]
    thresholds = np.append(np.arange(-1, 7, 0.5), [-np.inf, np.inf])
    np.testing.assert_allclose(total(each).at(thresholds), sum(one.at(thresholds) for one in each), atol=1e-12)
    assert per_document(each, thresholds).shape == (len(thresholds), parts)


def distributions(seed: int, vocabulary: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Two models' log-probabilities of the next token, for a text of two tokens and then every token there is."""
    logits = np.random.default_rng(seed).normal(size=(2, 3, vocabulary)) * 3
    logprobs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return logprobs[0], logprobs[1]


def mass(small: np.ndarray, large: np.ndarray, signals: np.ndarray, threshold: float) -> float:
    """Sum exp(score) over all one-token continuations; `signals` [vocabulary] is the one used for each of them."""
    scores = [
        routed(Request(small[:1], large[:1], signal[None], np.array([True]), np.array([True]))).score.at([threshold])[0]
        for small, large, signal in zip(small, large, signals, strict=True)
    ]
    return float(np.exp(scores).sum())


@pytest.mark.parametrize("name", list(SIGNALS))
def test_the_scores_of_all_continuations_sum_to_one_unless_a_signal_looks_at_the_token(name) -> None:
    for seed in range(5):
        one, other = distributions(seed)
        small, large = one[-1][:, None], other[-1][:, None]
        signal = of_distributions(name, one[-1:], np.array([30.0]))
        for threshold in (0.0, float(signal[0]), np.nextafter(float(signal[0]), 9), math.inf):
            same = np.broadcast_to(signal, 40)
            assert mass(small, large, same, threshold) == pytest.approx(1, abs=1e-12)
        peeking = 1 - np.exp(one[-1])
        assert abs(mass(small, large, peeking, float(np.median(peeking))) - 1) > 0.01


def test_what_is_not_known_or_not_alike_is_refused() -> None:
    right = np.array([True, True])
    with pytest.raises(ValueError, match="not known at 1 of 2"):
        Request(np.zeros(2), np.zeros(2), np.array([0.1, np.nan]), right, right)
    with pytest.raises(ValueError, match="not of the same tokens"):
        Request(np.zeros(2), np.zeros(3), np.zeros(2), right, right)
    with pytest.raises(ValueError, match="not of the same documents"):
        defer(np.zeros(2), np.zeros(2), np.zeros(3))
    with pytest.raises(ValueError, match="not of the same documents"):
        defer([], [], [])


def test_a_rule_may_hold_until_the_end_of_the_text() -> None:
    one = request(np.random.default_rng(1), 9)
    found, first = routed(one.held(10**12)), float(one.signal[0])
    assert found.large.at([first])[0] == 9
    assert found.score.at([0.9])[0] == pytest.approx(naive(one, 0.9, 10**12)[0])


def test_a_threshold_is_compared_with_the_signal_as_it_was_stored() -> None:
    found = swept(np.array([0.7], np.float32), [0.0], [1.0])
    assert found.at([0.7, float(np.float32(0.7))]).tolist() == [0.0, 1.0]
    assert isinstance(found, Steps)
