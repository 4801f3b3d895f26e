"""All outcomes counted: the gate passes a loss at its limit in at most one case in twenty, whatever else is true.

More sizes and limits: tests/perf/calibration_gate.py.
"""

from __future__ import annotations

import numpy as np
import pytest

from benchtui.compare.records import Kind
from benchtui.evidence.matched_pairs import chance_of_no_more, fewest_unchanged
from tests.evidence.enumeration import chance_of_showing, discordances, least_coverage, least_fixed, worst_at_limit
from tests.evidence.simulation import verdict_of


@pytest.mark.parametrize(("n", "limit"), [(20, 0.03), (30, 0.05), (60, 0.03), (60, 0.005), (541, 0.01)])
def test_a_loss_at_the_limit_passes_the_gate_rarely_whatever_share_changes(n: int, limit: float) -> None:
    worst = worst_at_limit(n, -limit, steps=60)
    assert 0.02 < worst <= 0.05


def test_a_loss_over_the_limit_passes_more_rarely_still() -> None:
    at = worst_at_limit(60, -0.03, steps=60)
    for truth in (-0.031, -0.04, -0.1, -0.5):
        assert max(chance_of_showing(60, -0.03, 0.05, float(pi), truth) for pi in discordances(truth, 60)) <= at


@pytest.mark.parametrize("limit", [0.0, 0.03, -0.03])
def test_the_least_number_is_found_as_by_trying_all(limit: float) -> None:
    n = 25
    for m, least in enumerate(least_fixed(n, limit, 0.05)):
        shown = [fixed for fixed in range(m + 1) if chance_of_no_more(fixed, m - fixed, n, limit) < 0.05]
        assert shown == list(range(least, m + 1))


def test_outcomes_are_counted_as_they_are_drawn() -> None:
    rng = np.random.default_rng(60)
    pi, truth, n = 0.3, 0.05, 60
    drawn = rng.multinomial(n, [(pi + truth) / 2, (pi - truth) / 2, 1 - pi], size=20_000)
    shown = np.mean([f >= least_fixed(n, -0.03, 0.05)[f + b] for f, b, _ in drawn])
    assert chance_of_showing(n, -0.03, 0.05, pi, truth) == pytest.approx(shown, abs=0.012)


@pytest.mark.parametrize("n", [5, 20, 60])
def test_the_interval_covers_in_the_worst_case(n: int) -> None:
    assert least_coverage(n, (0.0, 0.01, 0.05, 0.3, 0.8), steps=30) >= 0.95


@pytest.mark.parametrize("loss", [0.005, 0.01, 0.03, 0.05, 0.1])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_as_many_unchanged_samples_show_no_loss_and_one_fewer_do_not(loss: float, alpha: float) -> None:
    least = fewest_unchanged(loss, alpha)
    assert chance_of_no_more(0, 0, least, -loss) < alpha <= chance_of_no_more(0, 0, least - 1, -loss)


@pytest.mark.parametrize("pi", [0.06, 0.1, 0.2, 0.4])
def test_of_a_true_gain_of_five_points_on_100_samples_the_word_is_hardly_ever_too_high(pi: float) -> None:
    """Of the verdicts that name a gain at all; by the band of the estimate it was too high in 89 of 100."""
    from scipy.stats import binom

    n, truth, called, too_high = 100, 0.05, 0.0, 0.0
    theta = (1 + truth / pi) / 2
    for m in range(n + 1):
        for fixed in range(m + 1):
            chance = float(binom.pmf(m, n, pi) * binom.pmf(fixed, m, theta))
            if chance < 1e-7:
                continue
            kind = verdict_of(fixed, m - fixed, n)
            called += chance * kind.is_gain
            too_high += chance * (kind is Kind.EXCELLENT)
    assert called > 0.05
    assert too_high <= 0.05 * called
