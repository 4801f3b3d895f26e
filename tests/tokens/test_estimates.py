"""Intervals of means over tokens: statsmodels' clustered ones, and their coverage where tokens are not independent."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from benchtui.tokens.estimates import QUANTILES, Groups, exponential, ratio, root, share, spread
from benchtui.tokens.records import TokenDocument
from benchtui.tokens.summary import Estimate

lengths = st.lists(st.integers(0, 9), min_size=2, max_size=12)


def groups_of(names: list[str], sizes: list[int]) -> Groups:
    documents = [TokenDocument("", "", "", group=name) for name in names]
    offsets = np.concatenate(([0], np.cumsum(sizes)))
    texts: Any = SimpleNamespace(documents=documents, offsets=offsets)
    return Groups(texts)


@given(lengths, st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_a_mean_over_tokens_is_the_clustered_one_of_statsmodels(sizes: list[int], seed: int, distinct: int) -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(seed)
    names = [str(n % distinct) for n in range(len(sizes))]
    values = rng.normal(2, 1, sum(sizes)).astype(np.float32)
    values[rng.random(len(values)) < 0.1] = np.inf
    values[rng.random(len(values)) < 0.1] = np.nan
    found = groups_of(names, sizes).mean(values)
    kept, clusters = np.isfinite(values), np.repeat([int(name) for name in names], sizes)
    assert found.n == kept.sum()
    assert found.groups == len(set(clusters[kept]))
    if found.groups < 2:
        assert found.stderr is None
        assert found.low is None
        return
    fit = sm.OLS(values[kept].astype(float), np.ones(kept.sum())).fit(
        cov_type="cluster", cov_kwds={"groups": clusters[kept]}, use_t=True
    )
    assert found.value == pytest.approx(fit.params[0], abs=1e-9)
    assert found.stderr == pytest.approx(fit.bse[0], rel=1e-6, abs=1e-9)
    half = stats.t.ppf(0.975, found.groups - 1) * fit.bse[0]
    assert (found.low, found.high) == pytest.approx((fit.params[0] - half, fit.params[0] + half), abs=1e-6)


def test_nothing_to_average_is_said() -> None:
    groups = groups_of(["a", "b"], [2, 2])
    assert groups.mean(np.full(4, np.nan)) == Estimate(None, 0, 0)
    assert groups.share(np.zeros(4, bool), np.zeros(4, bool)) == Estimate(None, 0, 0)


def correlated(rng: np.random.Generator, groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Skewed positive numbers as KLs are, with an effect of the text: sums and sizes by group."""
    sizes = rng.integers(20, 200, groups)
    effects = rng.gamma(4, 0.25, groups)
    sums = np.array([(rng.gamma(0.5, 2, size) * effect).sum() for size, effect in zip(sizes, effects, strict=True)])
    return sums, sizes


def test_the_interval_covers_where_the_tokens_of_a_text_are_correlated() -> None:
    """1,500 made samples of 60 texts: the clustered interval has its 95 %, that of independent tokens has not."""
    rng = np.random.default_rng(20)
    clustered = independent = 0
    for _ in range(1500):
        sums, sizes = correlated(rng, 60)
        found = ratio(sums, sizes, int(sizes.sum()))
        assert found.low is not None
        assert found.high is not None
        clustered += found.low <= 1 <= found.high
        # The variance of a token alone: E(effect²) Var + Var(effect) E² = 1.25 * 2 + 0.25
        independent += abs(sums.sum() / sizes.sum() - 1) <= 1.96 * math.sqrt(2.75 / sizes.sum())
    assert 0.93 <= clustered / 1500 <= 0.97
    assert independent / 1500 < 0.85


def test_the_interval_of_a_share_covers_where_the_tokens_of_a_text_are_correlated() -> None:
    """Rare changes of the top token, 97 % alike, more in some texts than in others."""
    rng = np.random.default_rng(21)
    covered = 0
    for _ in range(1500):
        sizes = rng.integers(20, 200, 60)
        chances = rng.beta(0.97 * 30, 0.03 * 30, 60)
        found = share(rng.binomial(sizes, chances), sizes, int(sizes.sum()))
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0.97 <= found.high
    assert 0.93 <= covered / 1500 <= 0.97


def test_a_share_of_everything_is_not_certain() -> None:
    found = share(np.array([30, 40, 50]), np.array([30, 40, 50]), 120)
    assert found.value == found.high == 1.0
    assert found.low is not None
    assert 0 < found.low < 0.5


def test_exponentials_and_roots_keep_their_intervals() -> None:
    found = Estimate(2.0, 10, 5, 0.1, 1.8, 2.2)
    assert exponential(found) == Estimate(
        math.exp(2), 10, 5, pytest.approx(0.1 * math.exp(2)), math.exp(1.8), math.exp(2.2)
    )
    assert exponential(Estimate(900.0, 1, 1)).value is None
    square = root(Estimate(0.04, 10, 5, 0.01, -0.01, 0.09))
    assert (square.value, square.low, square.high) == (pytest.approx(0.2), 0.0, pytest.approx(0.3))
    assert square.stderr == pytest.approx(0.01 / 0.4)
    assert root(Estimate(0.0, 10, 5, 0.0, 0.0, 0.0)).value == 0.0


@given(st.lists(st.floats(0, 50, width=32), min_size=1, max_size=60), st.integers(0, 3))
def test_quantiles_are_pandas_s_and_infinite_values_are_counted(values: list[float], infinite: int) -> None:
    import pandas as pd

    found = spread(np.array([*values, *[np.inf] * infinite, np.nan], np.float32))
    assert found.infinite == infinite
    assert found.largest == pytest.approx(max(values))
    whole = pd.Series(values, dtype=float)
    for percent in QUANTILES:
        assert found.quantiles[f"{percent:g}%"] == pytest.approx(whole.quantile(percent / 100), abs=1e-9)
