"""Divergences against scipy, closed forms, and what must never be: an epsilon, a negative one, a silent NaN."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import rel_entr
from scipy.stats import entropy as scipy_entropy

from benchtui.tokens.divergences import divergence, entropy

LOGITS = arrays(np.float64, (2, 7), elements=st.floats(-30, 30))
LN2 = float(np.log(2))


def _shares(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


@given(LOGITS)
def test_each_is_what_scipy_computes(logits: np.ndarray) -> None:
    first, second = logits
    p, q = _shares(first), _shares(second)
    assert divergence(first, second, "kl") == pytest.approx(scipy_entropy(p, q), abs=1e-9)
    assert divergence(first, second, "kl-reverse") == pytest.approx(scipy_entropy(q, p), abs=1e-9)
    mean = (p + q) / 2  # jensenshannon() of scipy takes a root of it: NaN where rounding leaves it just below zero
    assert divergence(first, second) == pytest.approx((rel_entr(p, mean) + rel_entr(q, mean)).sum() / 2, abs=1e-9)
    assert divergence(first, second, "tv") == pytest.approx(abs(p - q).sum() / 2, abs=1e-9)
    assert entropy(first) == pytest.approx(scipy_entropy(p), abs=1e-9)


@given(LOGITS)
def test_ranges_symmetry_and_equal_models(logits: np.ndarray) -> None:
    first, second = logits
    js = float(divergence(first, second))
    assert 0 <= js <= LN2 + 1e-12
    assert js == pytest.approx(float(divergence(second, first)), abs=1e-12)
    assert 0 <= float(divergence(first, second, "tv")) <= 1 + 1e-12
    assert [float(divergence(first, first, kind)) for kind in ("kl", "kl-reverse", "tv")] == [0, 0, 0]
    assert float(divergence(first, first)) <= 1e-12


def test_rows_are_compared_one_by_one_and_normalised() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 5, 30)).astype(np.float32)
    found = divergence(first, second + 3)
    assert (found.shape, found.dtype) == ((5,), np.float64)
    np.testing.assert_allclose(found, [float(divergence(a, b)) for a, b in zip(first, second, strict=True)], atol=1e-9)


def test_closed_forms() -> None:
    assert entropy(np.zeros(1000)) == pytest.approx(np.log(1000))
    one, other = np.log([0.95, 0.05]), np.log([0.05, 0.95])
    assert divergence(one, other) == pytest.approx(0.4946, abs=1e-4)


def test_what_has_no_probability_contributes_nothing_or_everything() -> None:
    first, second = np.array([0.0, -np.inf]), np.array([-np.inf, 0.0])
    half = np.log([0.5, 0.5])
    assert divergence(first, half, "kl") == pytest.approx(LN2)
    assert divergence(half, first, "kl") == np.inf
    assert divergence(first, second) == pytest.approx(LN2)
    assert divergence(first, second, "tv") == 1


def test_numbers_that_are_none_and_unlike_shapes_are_refused() -> None:
    good = np.zeros(3)
    for bad in (np.array([0.0, np.nan, 0.0]), np.full(3, -np.inf), np.array([0.0, np.inf, 0.0])):
        with pytest.raises(ValueError, match="not numbers"):
            divergence(good, bad)
    with pytest.raises(ValueError, match="cannot be compared"):
        divergence(good, np.zeros(4))
    with pytest.raises(ValueError, match="no divergence"):
        divergence(good, good, "euclid")  # type: ignore[arg-type]
