"""Drawing a token: against transformers' own processors, and by numbers that depend on the place alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.routing.records import Sampling
from benchtui.routing.rules import SwitchRule, back_threshold
from benchtui.routing.sampling import draw, processed
from benchtui.routing.uniforms import uniform


def _by_transformers(scores: np.ndarray, sampling: Sampling) -> np.ndarray:
    import torch

    from tests.worker.switching.pairs import transformers_scores

    return torch.softmax(transformers_scores(torch.from_numpy(scores), sampling), -1).numpy()


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    temperature=st.sampled_from([0.3, 0.7, 1.0, 1.8]),
    top_k=st.sampled_from([0, 1, 5, 40, 500]),
    top_p=st.sampled_from([1.0, 0.95, 0.5, 0.01]),
    min_p=st.sampled_from([0.0, 0.02, 0.3, 1.0]),
)
def test_what_is_drawn_from_is_what_transformers_leaves(seed, temperature, top_k, top_p, min_p) -> None:
    scores = np.random.default_rng(seed).normal(size=200) * 3
    sampling = Sampling(temperature, top_k, top_p, min_p)
    np.testing.assert_allclose(processed(scores, sampling), _by_transformers(scores, sampling), atol=1e-12)


def test_equally_likely_tokens_at_the_end_of_the_top_are_kept() -> None:
    scores = np.log(np.array([0.4, 0.2, 0.2, 0.2]))
    sampling = Sampling(temperature=1.0, top_k=2)
    np.testing.assert_allclose(processed(scores, sampling), [0.4, 0.2, 0.2, 0.2])
    np.testing.assert_allclose(processed(scores, sampling), _by_transformers(scores, sampling))


def test_drawn_tokens_have_the_probabilities_that_they_should() -> None:
    shares = np.array([0.0, 0.1, 0.0, 0.5, 0.4, 0.0])
    with np.errstate(divide="ignore"):
        logprobs = np.log(shares)
    found = [draw(logprobs, Sampling(temperature=1.0), uniform(1, 2, 0, place)) for place in range(20_000)]
    counts = np.bincount(found, minlength=6)
    expected = shares * len(found)
    assert not counts[shares == 0].any()
    there = shares > 0
    assert ((counts - expected)[there] ** 2 / expected[there]).sum() < 13.8  # chi-square, 2 degrees, 0.1 %


@given(st.floats(0, 1, exclude_max=True))
def test_no_number_draws_what_has_no_probability(number: float) -> None:
    with np.errstate(divide="ignore"):
        logprobs = np.log(np.array([0.0, 1e-300, 1 / 3, 2 / 3, 0.0]))
    assert draw(logprobs, Sampling(temperature=1.0), number) in (1, 2, 3)
    assert draw(logprobs, Sampling(), number) == 3


def test_what_is_no_number_is_refused() -> None:
    for sampling in (Sampling(), Sampling(temperature=1.0)):
        with pytest.raises(ValueError, match="not numbers"):
            draw(np.array([0.0, np.nan]), sampling, 0.5)


def test_the_number_of_a_place_depends_on_that_place_alone() -> None:
    places = [(s, d, r, p) for s in (0, 1) for d in (0, 1) for r in (0, 1) for p in (0, 1, 2)]
    numbers = {place: uniform(*place) for place in places}
    assert len(set(numbers.values())) == len(places)
    assert {place: uniform(*place) for place in reversed(places)} == numbers
    assert uniform(-1, 0, 0, 0) == uniform(2**64 - 1, 0, 0, 0)


def test_the_numbers_are_those_of_philox() -> None:
    # The first word of Philox 4x64-10 with a counter of zeros (numpy counts up before it draws) and a key of zeros, of
    # Random123's own file of known answers.
    word = 0x16554D9ECA36314C
    assert int(np.random.Philox(key=0, counter=[2**64 - 1] * 4).random_raw()) == word
    numbers = [uniform(5, 0, 0, place) for place in range(4000)]
    assert 0 <= min(numbers) < 0.01
    assert 0.99 < max(numbers) < 1
    assert np.mean(numbers) == pytest.approx(0.5, abs=0.02)
    assert np.corrcoef(numbers[:-1], numbers[1:])[0, 1] == pytest.approx(0, abs=0.05)


def test_a_rule_has_hysteresis_and_refuses_the_wrong_way_round() -> None:
    rule = SwitchRule("js", up=0.2, down=0.1, min_stay=3)
    assert [rule.leaves("a", apart, None) for apart in (0.1, 0.2, 0.21)] == [False, False, True]
    assert [rule.leaves("b", apart, 3) for apart in (0.2, 0.1, 0.09)] == [False, False, True]
    assert not rule.leaves("b", 0.0, 2)
    assert back_threshold(0.3, None) == 0.15
    assert back_threshold(0.3, 0.0) == 0.0
    for wrong in ({"up": 0.1, "down": 0.2}, {"up": 0.1, "down": -0.1}, {"up": 0.1, "down": 0.0, "min_stay": 0}):
        with pytest.raises(ValueError, match=r"must be"):
            SwitchRule("js", **wrong)  # type: ignore[arg-type]
