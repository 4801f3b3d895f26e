"""Crossings of zero against scipy's."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from benchtui.evidence.roots import root


@given(st.floats(-0.99, 0.99), st.floats(0.1, 40), st.booleans())
def test_it_finds_what_scipy_finds(at: float, steep: float, rising: bool) -> None:
    def function(x: float) -> float:
        return (1 if rising else -1) * (math.tanh(steep * (x - at)) + 0.1 * (x - at) ** 3)

    assert root(function, -1.0, 1.0, 1e-9) == pytest.approx(brentq(function, -1.0, 1.0, xtol=1e-12), abs=1e-9)


def test_a_step_and_an_end_are_found() -> None:
    assert root(lambda x: -1.0 if x < 0.3 else 1.0, 0.0, 1.0, 1e-6) == pytest.approx(0.3, abs=1e-6)
    assert root(lambda x: x, 0.0, 1.0, 1e-6) == 0.0


def test_without_a_crossing_it_says_so() -> None:
    with pytest.raises(ValueError, match="no crossing"):
        root(lambda x: x + 2, 0.0, 1.0, 1e-6)
