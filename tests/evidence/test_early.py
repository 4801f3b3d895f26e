"""Stopping early for a question, in short: the long form is tests/perf/calibration_early.py."""

from __future__ import annotations

import numpy as np
import pytest

from benchtui.evidence.questions import Asked
from benchtui.evidence.sequential import DOCUMENTS_A_LOOK, DecideEarly
from tests.evidence.cells import Cell
from tests.evidence.simulation_early import outcomes, price_of_looking, watch

LIMITS = (-0.03, -0.02, 0.0, 0.02)


def test_a_large_loss_is_shown_at_the_gate_where_the_sign_alone_left_it_open() -> None:
    looks = watch(541, -0.1, 0.2, LIMITS, 400, np.random.default_rng(14))
    sign, gated = outcomes(looks, ("sign",)), outcomes(looks, ("sign", "loss"))
    assert sign.inconclusive > 0.8
    assert gated.no_go > 0.85
    assert sign.median < gated.median < 541
    assert gated.go == 0


@pytest.mark.parametrize("discordant", [0.2, 0.3])
def test_at_the_limit_the_gate_errs_no_oftener_than_it_says(discordant: float) -> None:
    found = outcomes(watch(541, -0.03, discordant, LIMITS, 1000, np.random.default_rng(3)), ("sign", "loss"))
    for rate in (found.go, found.no_go):
        assert Cell("at the limit", 0.05, rate, 1000).kept


def test_looking_has_its_price() -> None:
    whole, watched, median = price_of_looking(541, 0.2, 1000, np.random.default_rng(8))
    assert whole == pytest.approx(0.8, abs=0.04)
    assert watched < whole - 0.1
    assert median < 541


def test_the_simulation_stops_where_the_worker_does() -> None:
    for effect in (-0.15, 0.15):
        state = DecideEarly(541, Asked(("sign", "loss"), 0.02, 0.03))
        replayed = watch(541, effect, 0.25, LIMITS, 1, np.random.default_rng(7))
        shares = [(0.25 + effect) / 2, (0.25 - effect) / 2, 0.75]
        rng = np.random.default_rng(7)
        for value in rng.choice([1.0, -1.0, 0.0], p=shares, size=(1, 541))[0, :540]:
            state.add(float(value))
            if state.n % DOCUMENTS_A_LOOK == 0 and state.decision() is not None:
                break
        assert state.n == replayed.stops(("sign", "loss"), 0.02, 0.03)[0] < 540
