"""Deciding early: what the state says while it is fed, and the order in which documents are evaluated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.evidence.questions import Asked
from benchtui.evidence.records import Interval
from benchtui.evidence.sequential import DecideEarly, decide, stratified_order


def test_a_clear_gain_stops_long_before_the_end() -> None:
    state = DecideEarly(541, Asked(delta=0.02))
    while state.decision() is None:
        state.add(1.0 if state.n % 3 else 0.0)
    assert state.decision() == "higher"
    assert state.n < 60
    assert state.interval().low >= 0


def test_a_clear_loss_is_the_mirror_image() -> None:
    gain, loss = DecideEarly(541), DecideEarly(541)
    while gain.decision() is None:
        gain.add(1.0)
        loss.add(-1.0)
    assert loss.decision() == "lower"
    assert (loss.interval().low, loss.interval().high) == pytest.approx(
        (-gain.interval().high, -gain.interval().low), abs=1e-9
    )


def test_runs_that_answer_alike_stop_within_delta() -> None:
    state = DecideEarly(541, Asked(delta=0.05))
    while state.decision() is None:
        state.add(0.0)
    assert state.decision() == "within"
    assert state.n < 541
    assert -0.05 <= state.interval().low <= state.interval().high <= 0.05


def test_without_a_delta_it_never_stops_for_smallness() -> None:
    state = DecideEarly(200)
    for _ in range(200):
        state.add(0.0)
        assert state.decision() is None


def test_all_documents_leave_no_doubt_about_these_documents() -> None:
    state = DecideEarly(10, Asked(delta=0.5))
    for value in [1, 0, 0, -1, 1, 0, 0, 0, 0, 0]:
        state.add(float(value))
    assert state.interval().low == state.interval().high == pytest.approx(0.1)


def test_impossible_differences_are_refused() -> None:
    with pytest.raises(ValueError, match="between -1 and 1"):
        DecideEarly(10).add(1.5)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), min_size=1, max_size=40))
def test_the_interval_only_narrows_and_ends_at_the_truth(values: list[float]) -> None:
    """In every order: the difference over all documents is never refuted by looking at all of them."""
    state = DecideEarly(len(values))
    last = state.interval()
    for value in values:
        state.add(value)
        now = state.interval()
        if state.n < len(values):
            assert last.low - 1e-9 <= now.low <= now.high <= last.high + 1e-9
            last = now
    assert now.low == pytest.approx(sum(values) / len(values))


@given(st.lists(st.integers(0, 30), min_size=1, max_size=8), st.integers(0, 2**32 - 1))
def test_the_stratified_order_holds_every_document_once(sizes: list[int], seed: int) -> None:
    order = stratified_order(sizes, seed)
    assert order == stratified_order(sizes, seed), "both models are asked in the same order"
    assert sorted(order) == [(stratum, i) for stratum, size in enumerate(sizes) for i in range(size)]


def test_every_beginning_of_the_stratified_order_holds_each_subject_in_proportion() -> None:
    sizes = [100, 300, 50, 150]
    order = stratified_order(sizes, 3)
    for stop in (60, 150, 400):
        for stratum, size in enumerate(sizes):
            seen = sum(s == stratum for s, _ in order[:stop])
            assert abs(seen - stop * size / sum(sizes)) <= 3


def test_a_clear_loss_goes_on_until_the_loss_that_was_asked_about_is_known() -> None:
    """Ten points of true loss: that it is a loss is known long before that it is one over three points."""
    sign, gated = DecideEarly(541), DecideEarly(541, Asked(("sign", "loss"), max_loss=0.03))
    rng = np.random.default_rng(14)
    for value in rng.choice([1.0, -1.0, 0.0], p=[0.05, 0.15, 0.8], size=540):
        for state in (sign, gated):
            if state.decision() is None:
                state.add(float(value))
    assert sign.decision() == gated.decision() == "lower"
    assert sign.n < gated.n < 541
    assert sign.interval().high > -0.03, "which starved the gate"
    assert max(gated.interval().high, gated.elsewhere().high) < -0.03


@pytest.mark.parametrize("max_loss", [0.01, 0.03, 0.07, 0.29])
@pytest.mark.parametrize("upwards", [True, False])
@pytest.mark.parametrize("value", [-1.0, 1.0])
def test_ends_at_the_limit_are_on_one_side_of_it_in_points_too(max_loss: float, upwards: bool, value: float) -> None:
    """0.07 * 100 is more than 7: a gate that counts in points must read what the run stopped for."""
    state = DecideEarly(2000, Asked(("loss",), max_loss=max_loss, higher_is_better=upwards))
    while state.decision() is None:
        state.add(value)
    low, high = (100 * end for end in (state.elsewhere().low, state.elsewhere().high))
    limit = -100 * max_loss if upwards else 100 * max_loss
    gained = (value > 0) == upwards
    assert (low >= round(limit) if upwards else high <= round(limit)) == gained
    assert (high < round(limit) if upwards else low > round(limit)) != gained


NARROW, WIDE = Interval(-0.01, 0.01), Interval(-0.05, 0.05)


@pytest.mark.parametrize(
    ("here", "anywhere", "asked", "expected"),
    [
        (NARROW, NARROW, Asked(("loss",), max_loss=0.03), "above"),
        (NARROW, WIDE, Asked(("loss",), max_loss=0.03), None),
        (NARROW, WIDE, Asked(("sign",), delta=0.02), "within"),
        (NARROW, WIDE, Asked(("sign", "loss"), delta=0.02, max_loss=0.03), None),
        (NARROW, NARROW, Asked(("sign", "loss"), delta=0.02, max_loss=0.03), "within"),
        (NARROW, NARROW, Asked(("loss",), max_loss=0.03, higher_is_better=False), "below"),
        (Interval(0.01, 0.1), Interval(0.0, 0.2), Asked(("sign", "loss"), max_loss=0.03), "higher"),
        (Interval(0.01, 0.1), Interval(0.0, 0.2), Asked(("sign", "loss"), max_loss=0.03, higher_is_better=False), None),
        (Interval(-0.2, -0.02), Interval(-0.2, -0.02), Asked(("sign", "loss"), max_loss=0.03), None),
        (Interval(-0.2, -0.04), Interval(-0.2, -0.04), Asked(("sign", "loss"), max_loss=0.03), "lower"),
        (Interval(0.01, 0.1), Interval(0.01, 0.1), Asked(("equivalence",), delta=0.02), None),
        (Interval(0.03, 0.1), Interval(0.03, 0.1), Asked(("equivalence",), delta=0.02), "higher"),
        (NARROW, WIDE, Asked(("equivalence",), delta=0.02), "within"),
    ],
)
def test_it_stops_only_when_every_question_is_answered(
    here: Interval, anywhere: Interval, asked: Asked, expected: str | None
) -> None:
    assert decide(here, anywhere, asked) == expected
