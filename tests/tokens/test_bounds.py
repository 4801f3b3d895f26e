"""Lower bounds from the likeliest tokens: never above the divergences of the whole distributions."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchtui.tokens.bounds import lower_bounds
from tests.tokens.made_store import log_softmax, pair_of


def tops(logprobs: NDArray[np.float64], k: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    ids = np.argsort(-logprobs, -1, kind="stable")[:, :k]
    return ids.astype(np.int32), np.take_along_axis(logprobs, ids, -1).astype(np.float32)


@given(
    st.integers(0, 10**6),
    st.floats(0.1, 20),
    st.floats(0, 5),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(2, 60),
)
@settings(deadline=None, max_examples=200)
def test_they_are_never_above_the_true_value(
    seed: int, scale: float, noise: float, k: int, other: int, vocabulary: int
) -> None:
    rng = np.random.default_rng(seed)
    first = rng.normal(0, 1, (5, vocabulary)) * scale
    one, two = log_softmax(first), log_softmax(first + noise * rng.normal(0, 1, first.shape))
    exact = pair_of(one, two)
    found = lower_bounds(*tops(one, k), *tops(two, other))
    assert found.bound == "lower"
    for name in ("kl", "kl_reverse", "js", "tv"):
        assert (getattr(found, name) <= getattr(exact, name) * (1 + 1e-5) + 3e-6).all(), name
    assert (found.shift <= exact.shift).all()


def test_with_all_tokens_they_are_the_true_value() -> None:
    rng = np.random.default_rng(1)
    one, two = (log_softmax(rng.normal(0, 2, (50, 30))) for _ in range(2))
    found, exact = lower_bounds(*tops(one, 30), *tops(two, 30)), pair_of(one, two)
    for name in ("kl", "kl_reverse", "js", "tv"):
        np.testing.assert_allclose(getattr(found, name), getattr(exact, name), atol=1e-4)
    assert (found.shift == exact.shift).all()


def test_a_longer_list_is_never_a_worse_bound() -> None:
    rng = np.random.default_rng(2)
    one = log_softmax(rng.normal(0, 3, (200, 100)))
    two = log_softmax(one + rng.normal(0, 1, one.shape))
    few, more = (lower_bounds(*tops(one, k), *tops(two, k)) for k in (5, 20))
    for name in ("kl", "js", "tv"):
        assert (getattr(more, name) >= getattr(few, name) - 1e-5).all()


def test_missing_tokens_are_no_shared_ones() -> None:
    ids = np.array([[4, -1, -1]], np.int32)
    logprobs = np.log(np.array([[0.5, 1e-30, 1e-30]])).astype(np.float32)
    found = lower_bounds(ids, logprobs, ids, logprobs)
    assert (found.kl[0], found.js[0], found.tv[0], found.shift[0]) == (0, 0, 0, 1)


def test_lists_without_a_shared_token_bound_nothing() -> None:
    logprobs = np.log(np.array([[0.6, 0.3]])).astype(np.float32)
    found = lower_bounds(np.array([[1, 2]], np.int32), logprobs, np.array([[3, 4]], np.int32), logprobs)
    assert (found.kl[0], found.js[0], found.tv[0], found.shift[0]) == (0, 0, 0, 3)
