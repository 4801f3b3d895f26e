"""Every threshold from one pass: against a router that goes token by token, and the laws of probability."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.routing.rules import RouteRule, SwitchRule
from benchtui.routing.signals import SIGNALS, of_distributions
from benchtui.routing.strategies import Strategy
from benchtui.routing.sweep import Request, scores_by, switched
from benchtui.worker.sweep.answers import Given, ScoredRequest
from benchtui.worker.sweep.records import Pass

SEEDS = st.integers(0, 10_000)


def request(rng: np.random.Generator, n: int) -> Request:
    """Signals that occur several times, and now and then a token without a probability."""
    small, large = (
        np.where(rng.random(n) < 0.05, -np.inf, -rng.exponential(2, n)).astype(np.float32) for _ in range(2)
    )
    signal = rng.integers(0, 8, n).astype(np.float32) / np.float32(7)
    return Request(small, large, signal, rng.random(n) < 0.8, rng.random(n) < 0.8)


def swept(one: Request, thresholds: Sequence[float], hold: int = 1, prompt: int = 1) -> list[Given]:
    """What a sweep gives at thresholds, behind a prompt of so many tokens; all but the last token are read."""
    read = prompt + len(one.small) - 1
    small, large = (
        Pass.of(logprobs, top, signal, float(logprobs.sum(dtype=np.float64)), read)
        for logprobs, top, signal in (
            (one.small, one.small_top, one.signal),
            (one.large, one.large_top, None),
        )
    )
    request = ScoredRequest([small], [large], Strategy("uncertainty", hold=hold), whole=False)
    return [request.at(place, threshold) for place, threshold in enumerate(thresholds)]


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
    thresholds = [-math.inf, *thresholds_of(one)]
    found = swept(one, thresholds, hold)
    for at_it, threshold in zip(found, thresholds, strict=True):
        score, large, greedy = naive(one, threshold, hold)
        assert at_it.answer[0] == pytest.approx(score, abs=1e-12)
        assert at_it.answer[1] == greedy
        assert (at_it.small.chosen, at_it.large.chosen) == (n - large, large)
    counts = [each.large.chosen for each in found]
    assert counts == sorted(counts, reverse=True)
    assert (found[0].answer[0], found[-1].answer[0]) == (one.large.sum(dtype=float), one.small.sum(dtype=float))


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
@given(seed=SEEDS, n=st.integers(1, 6), prompt=st.integers(1, 9))
def test_the_large_model_reads_everything_before_the_last_token_that_it_scores(seed: int, n: int, prompt: int) -> None:
    one = request(np.random.default_rng(seed), n)
    thresholds = thresholds_of(one)
    for threshold, found in zip(thresholds, swept(one, thresholds, prompt=prompt), strict=True):
        places = [place for place, u in enumerate(one.signal) if float(u) >= threshold]
        assert found.large.positions == (prompt + max(places) if places else 0)
        assert found.large.calls == bool(places)
        assert found.small.positions == prompt + n - 1


def distributions(seed: int, vocabulary: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Two models' log-probabilities of the next token, for a text of two tokens and then every token there is."""
    logits = np.random.default_rng(seed).normal(size=(2, 3, vocabulary)) * 3
    logprobs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return logprobs[0], logprobs[1]


def mass(small: np.ndarray, large: np.ndarray, signals: np.ndarray, threshold: float) -> float:
    """Sum exp(score) over all one-token continuations; `signals` [vocabulary] is the one used for each of them."""
    right = np.array([True])
    scores = [
        scores_by(Request(one, other, signal[None], right, right), signal[None, None] >= threshold)[0]
        for one, other, signal in zip(small, large, signals, strict=True)
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


def test_a_rule_may_hold_until_the_end_of_the_text() -> None:
    one = request(np.random.default_rng(1), 9)
    found = swept(one, [float(one.signal[0]), 0.9], 10**12)
    assert found[0].large.chosen == 9
    assert found[1].answer[0] == pytest.approx(naive(one, 0.9, 10**12)[0])


def test_a_threshold_is_compared_with_the_signal_as_it_was_stored() -> None:
    one, top = np.zeros(1, np.float32), np.array([True])
    found = swept(Request(one, one, np.array([0.7], np.float32), top, top), [0.7, float(np.float32(0.7))])
    assert [each.large.chosen for each in found] == [0, 1]
