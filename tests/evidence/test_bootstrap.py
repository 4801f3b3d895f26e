"""The bootstrap against scipy's. How often its intervals hold: tests/perf/calibration_own.py."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchtui.evidence.bootstrap import FEWEST, bootstrap, bootstrap_interval, chance_of_no_more
from benchtui.evidence.records import Floats


def ratio(sums: Floats) -> Floats:
    return np.asarray(sums[..., 0] / sums[..., 1])


def skewed(rng: np.random.Generator, n: int) -> Floats:
    return np.stack([rng.lognormal(0, 1, n), rng.lognormal(1, 0.3, n)], axis=1)


@pytest.mark.parametrize("n", [FEWEST, 80, 1_000])
def test_the_interval_is_scipys(n: int) -> None:
    """At the level that is widened to 95 % for so many documents."""
    level = 1 - 2 * stats.norm.cdf(stats.t.ppf(0.025, n - 1) * np.sqrt(n / (n - 1)))
    terms = skewed(np.random.default_rng(n), n)
    draws = bootstrap(terms, ratio)
    assert draws is not None
    ours = bootstrap_interval(draws)
    assert ours is not None
    theirs = stats.bootstrap(
        (terms[:, 0], terms[:, 1]),
        lambda a, b, axis: a.sum(axis=axis) / b.sum(axis=axis),
        paired=True,
        n_resamples=9_999,
        confidence_level=level,
        method="percentile",
        rng=1,
    ).confidence_interval
    width = theirs.high - theirs.low
    assert abs(ours.low - theirs.low) < 0.05 * width
    assert abs(ours.high - theirs.high) < 0.05 * width


@pytest.mark.parametrize("alpha", [0.2, 0.05, 0.01])
def test_interval_and_p_value_never_disagree(alpha: float) -> None:
    """A value outside the interval is rejected, one inside is not; to within one draw."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        draws = bootstrap(skewed(rng, 60), ratio)
        assert draws is not None
        found = bootstrap_interval(draws, alpha)
        assert found is not None
        step = 1e-9 * (found.high - found.low)
        assert chance_of_no_more(draws, found.low - step) < alpha / 2 <= chance_of_no_more(draws, found.low)
        mirrored = draws.mirrored()
        assert chance_of_no_more(mirrored, -found.high - step) < alpha / 2
        assert chance_of_no_more(mirrored, -found.high) >= alpha / 2


def test_a_level_that_no_draw_reaches_has_no_interval() -> None:
    draws = bootstrap(skewed(np.random.default_rng(3), 60), ratio)
    assert draws is not None
    assert bootstrap_interval(draws, 1e-6) is None


def test_what_shows_nothing_has_no_bootstrap() -> None:
    rng = np.random.default_rng(1)
    assert bootstrap(skewed(rng, FEWEST - 1), ratio) is None
    assert bootstrap(np.ones((60, 2)), ratio) is None
    zeros = np.stack([rng.random(60), np.zeros(60)], axis=1)
    with np.errstate(all="ignore"):
        assert bootstrap(zeros, ratio) is None


def test_the_same_documents_give_the_same_draws() -> None:
    terms = skewed(np.random.default_rng(5), 60)
    assert bootstrap(terms, ratio) == bootstrap(terms.copy(), ratio)
