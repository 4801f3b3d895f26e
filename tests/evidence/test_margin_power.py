"""The chance to show that a difference is more than a margin, against the sum over every table and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multinomial

from benchtui.evidence.margin_power import chance_of_more
from benchtui.evidence.matched_pairs import chance_of_no_more
from benchtui.evidence.power import mcnemar_power


@pytest.mark.parametrize(
    ("n", "discordant", "difference", "margin", "alpha"),
    [
        (25, 0.3, 0.0, -0.2, 0.05), (40, 0.2, 0.1, -0.05, 0.05),
        (30, 0.5, 0.4, 0.1, 0.025), (60, 0.0, 0.0, -0.05, 0.05),
        (30, 0.2, -0.3, -0.1, 0.05), (12, 1.0, 0.0, -0.4, 0.05), (20, 0.1, 0.0, -0.03, 0.05),
    ],
)  # fmt: skip
def test_the_chance_is_the_sum_over_every_table(
    n: int, discordant: float, difference: float, margin: float, alpha: float
) -> None:
    changing = max(discordant, abs(difference))
    shares = [(changing + difference) / 2, (changing - difference) / 2, 1 - changing]
    expected = sum(
        float(multinomial.pmf([fixed, broken, n - fixed - broken], n, shares))
        for fixed in range(n + 1)
        for broken in range(n + 1 - fixed)
        if chance_of_no_more(fixed, broken, n, margin) < alpha
    )
    assert chance_of_more(n, discordant, difference, margin, alpha) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("n", [20, 60, 541, 14_042])
@pytest.mark.parametrize("discordant", [0.03, 0.2, 0.5])
def test_a_loss_at_the_margin_is_seldom_called_less(n: int, discordant: float) -> None:
    assert chance_of_more(n, discordant, -0.03, -0.03) <= 0.05


@pytest.mark.parametrize("difference", [0.0, 0.05, 0.1])
def test_more_than_nothing_is_what_mcnemar_shows(difference: float) -> None:
    assert chance_of_more(541, 0.2, difference, 0.0, 0.025) == pytest.approx(mcnemar_power(541, 0.2, difference))


def test_more_than_a_loss_is_shown_as_often_as_in_simulation() -> None:
    rng = np.random.default_rng(6)
    drawn = rng.multinomial(541, [0.1, 0.1, 0.8], size=4_000)
    shown = np.mean([chance_of_no_more(int(fixed), int(broken), 541, -0.03) < 0.05 for fixed, broken, _ in drawn])
    assert chance_of_more(541, 0.2, 0.0, -0.03) == pytest.approx(shown, abs=0.025)
