"""Rules of who writes or answers: thresholds as numbers and quantiles, how long the large model writes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.routing.rules import DeferRule, RouteRule, Threshold, parse_threshold, resolve


@pytest.mark.parametrize(("text", "asked"), [("0.5", 0.5), ("inf", math.inf), ("0", 0.0), ("p70", "p70"), ("p5", "p5")])
def test_a_threshold_is_read(text: str, asked: float | str) -> None:
    assert parse_threshold(text) == asked


@pytest.mark.parametrize("text", ["", "p", "p100", "p-1", "70%", "nan", "p７0", "high"])
def test_what_is_no_threshold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no number|not a number"):
        parse_threshold(text)


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=60), st.integers(0, 99))
def test_a_quantile_is_that_of_the_profile_and_is_recorded(values: list[float], percent: int) -> None:
    profile = np.array([*values, np.nan, np.inf], np.float32)
    found = resolve(f"p{percent}", profile)
    assert found.asked == f"p{percent}"
    place = percent / 100 * (len(values) - 1)
    low, high = sorted(values)[math.floor(place)], sorted(values)[math.ceil(place)]
    assert found.value == pytest.approx(low + (high - low) * (place - math.floor(place)), abs=1e-9)
    assert resolve(0.3, []) == Threshold(0.3, 0.3)


def test_a_quantile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="p70 is a quantile of nothing"):
        resolve("p70", [math.nan])


def test_a_signal_is_compared_as_the_number_that_it_is() -> None:
    """0.7 as float32 is less than 0.7: not rounded to it."""
    rule = RouteRule("uncertainty", 0.7)
    assert not rule.reached(np.float32(0.7))  # type: ignore[arg-type]
    assert rule.reached(0.7)
    assert not RouteRule("margin", math.inf).reached(1.0)
    assert RouteRule("margin", 0.0).reached(0.0)
    with pytest.raises(ValueError, match="not known"):
        rule.reached(math.nan)


def test_the_large_model_writes_as_long_as_the_rule_says() -> None:
    rule = RouteRule("entropy", 2.0, hold=3)
    assert [rule.writer(since) for since in (None, 0, 1, 2, 3)] == ["a", "b", "b", "b", "a"]


def test_rules_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="not a number"):
        RouteRule("entropy", math.nan)
    with pytest.raises(ValueError, match="hold"):
        RouteRule("entropy", 1.0, hold=0)
    with pytest.raises(ValueError, match="k is 1"):
        RouteRule("logtoku", 1.0, k=1)
    with pytest.raises(ValueError, match="quantile"):
        DeferRule("low-logprob", 1.0, quantile=1.5)
