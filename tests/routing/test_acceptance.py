"""Speculative decoding, predicted: against one that is simulated token by token, and the formulas of the paper."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.routing.acceptance import (
    acceptance_of_drawn,
    expected_tokens,
    greedy_acceptance,
    predict,
    predict_all,
    sampled_acceptance,
    speed_up,
)


def simulated(chances: np.ndarray, draft: int, rng: np.random.Generator) -> tuple[int, int, int]:
    """Write one text: calls, drafted and accepted tokens."""
    place = calls = drafted = accepted = 0
    while place < len(chances):
        window = chances[place : place + draft]
        kept = 0
        while kept < len(window) and rng.random() < window[kept]:
            kept += 1
        calls, drafted, accepted = calls + 1, drafted + len(window), accepted + kept
        place += kept + 1
    return calls, drafted, accepted


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 9))
def test_greedy_texts_are_predicted_exactly(same: list[bool], draft: int) -> None:
    chances = np.array(same, float)
    found = predict(chances, draft)
    assert (found.calls, found.drafted, found.accepted) == simulated(chances, draft, np.random.default_rng(0))
    assert found.tokens == len(same)


@pytest.mark.parametrize("draft", [1, 4, 7])
def test_sampled_texts_are_predicted_on_average(draft: int) -> None:
    rng = np.random.default_rng(draft)
    chances = rng.beta(3, 1, 40)
    runs = np.array([simulated(chances, draft, rng) for _ in range(4_000)])
    found = predict(chances, draft)
    errors = runs.std(0) / np.sqrt(len(runs))
    expected = np.array([found.calls, found.drafted, found.accepted])
    assert (np.abs(runs.mean(0) - expected) < 4 * errors).all()


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.8, 1.0])
@pytest.mark.parametrize("draft", [1, 4])
def test_a_long_text_of_equal_chances_has_the_ratios_of_the_paper(alpha: float, draft: int) -> None:
    found = predict(np.full(20_000, alpha), draft)
    closed = draft + 1 if alpha == 1 else (1 - alpha ** (draft + 1)) / (1 - alpha)
    assert expected_tokens(alpha, draft) == pytest.approx(closed)
    assert found.tokens_per_call == pytest.approx(closed, rel=1e-3)
    assert speed_up(alpha, draft, 0.2) == pytest.approx(closed / (0.2 * draft + 1))
    assert found.speed_up(0.2) == pytest.approx(speed_up(alpha, draft, 0.2), rel=1e-3)


def test_acceptance_is_that_of_the_distributions() -> None:
    rng = np.random.default_rng(5)
    p, q = rng.dirichlet(np.ones(20), (2, 6))
    tv = 0.5 * np.abs(p - q).sum(-1)
    np.testing.assert_allclose(sampled_acceptance(tv), np.minimum(p, q).sum(-1))
    assert greedy_acceptance([1, 2, 3], [1, 0, 3]).tolist() == [1.0, 0.0, 1.0]


def speculative(p: np.ndarray, q: np.ndarray, n: int, draft: int, rng: np.random.Generator) -> tuple[int, int, int]:
    """Write n tokens with two models that know the token before [state, token]: calls, drafted, accepted."""
    text, calls, drafted, accepted = [0], 0, 0, 0
    while len(text) <= n:
        window = min(draft, n + 1 - len(text))
        calls, drafted = calls + 1, drafted + window
        for _ in range(window):
            state = text[-1]
            token = int(rng.choice(len(p), p=q[state]))
            if rng.random() >= p[state, token] / q[state, token]:
                rest = np.maximum(p[state] - q[state], 0)
                text.append(int(rng.choice(len(p), p=rest / rest.sum())))
                break
            accepted += 1
            text.append(token)
        else:
            text.append(int(rng.choice(len(p), p=p[text[-1]])))  # behind the end where the draft ended the text
    return calls, drafted, accepted


def test_what_is_written_by_drafting_and_sampling_is_predicted_from_texts_of_the_large_model() -> None:
    """The token that was drawn and whether its draft was accepted depend on each other, and the next one on it: that
    is known of a drawn text."""
    rng = np.random.default_rng(3)
    p, q = rng.dirichlet(np.full(4, 0.5), (2, 4))
    runs = np.array([speculative(p, q, 12, 3, rng) for _ in range(3_000)])
    predictions = []
    for _ in range(3_000):
        text = [0]
        for _ in range(12):
            text.append(int(rng.choice(4, p=p[text[-1]])))
        states, tokens = text[:-1], text[1:]
        found = predict(acceptance_of_drawn(np.log(q[states, tokens]), np.log(p[states, tokens])), 3)
        predictions.append((found.calls, found.drafted, found.accepted))
    predicted = np.array(predictions)
    errors = np.sqrt((runs.var(0) + predicted.var(0)) / 3_000)
    assert (np.abs(runs.mean(0) - predicted.mean(0)) < 4 * errors).all()
    assert (errors / predicted.mean(0) < 0.01).all()


def test_texts_are_added() -> None:
    parts = [np.array([1.0, 1.0, 0.0, 1.0]), np.zeros(2), np.zeros(0)]
    one, two = predict_all(parts, [1, 2])
    assert (one.draft, one.tokens, one.calls, one.drafted, one.accepted) == (1, 6, 5.0, 5.0, 2.0)
    assert (two.tokens, two.calls, two.drafted, two.accepted) == (6, 4.0, 6.0, 3.0)
    assert two.acceptance == 0.5
    nothing = predict([], 3)
    assert (nothing.acceptance, nothing.tokens_per_call, nothing.speed_up(0.1)) == (None, None, None)


@settings(max_examples=20)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_longer_drafts_take_no_more_calls(chances: list[float]) -> None:
    calls = [predict(chances, draft).calls for draft in range(1, 6)]
    assert all(later <= earlier + 1e-9 for earlier, later in itertools.pairwise(calls))


def test_what_is_no_chance_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        predict([0.5], 0)
    for broken in ([1.5], [-0.1], [float("nan")]):
        with pytest.raises(ValueError, match="not from 0 to 1"):
            predict(broken, 2)
        with pytest.raises(ValueError, match="not from 0 to 1"):
            sampled_acceptance(broken)
    with pytest.raises(ValueError, match="cannot have drawn"):
        acceptance_of_drawn([-1.0], [-np.inf])
