"""Profiles of signals: against scipy, and on texts of which everything is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from benchtui.routing.distribution import auroc, distribution
from benchtui.routing.names import SignalName
from benchtui.routing.profile import DRAFTS, Document, profile


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=60))
def test_auroc_is_mann_whitneys_u_by_the_number_of_pairs(drawn: list[tuple[int, bool]]) -> None:
    values, found = np.array([one for one, _ in drawn], float), np.array([there for _, there in drawn])
    area = auroc(values, found)
    if found.all() or not found.any():
        assert area is None
        return
    u = mannwhitneyu(values[found], values[~found]).statistic
    assert area == pytest.approx(u / (found.sum() * (~found).sum()), abs=1e-12)


def test_auroc_of_a_signal_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="not known"):
        auroc([0.1, math.nan], [True, False])


def test_percentiles_are_counted_from_the_top() -> None:
    found = distribution(np.random.default_rng(0).permutation(100.0 * np.arange(1, 101)))
    assert found is not None
    assert (found.count, found.min, found.max, found.median) == (100, 100.0, 10_000.0, 5_050.0)
    assert found.percentiles["top_10%"] == 9_000.0
    assert found.percentiles["top_90%"] == 1_000.0
    assert (found.top_10_percent.min, found.top_10_percent.max) == (9_100.0, 10_000.0), "the seed has them swapped"
    assert found.mean == pytest.approx(5_050)
    assert found.std == pytest.approx(np.std(100.0 * np.arange(1, 101)))


def test_what_is_not_finite_is_left_out_and_nothing_is_nothing() -> None:
    found = distribution([1.0, math.nan, 3.0, math.inf])
    assert found is not None
    assert (found.count, found.mean) == (2, 2.0)
    assert distribution([math.nan]) is None


def text(number: int, rng: np.random.Generator, n: int = 40, *, large: bool = True) -> Document:
    """A text whose margin finds three quarters of the differences; entropy says nothing."""
    differs = rng.random(n) < 0.25
    margin = np.where(differs & (rng.random(n) < 0.75), 0.9, 0.2) + rng.random(n) / 100
    signals: dict[SignalName, NDArray[np.float64]] = {"margin": margin, "entropy": rng.random(n)}
    top = rng.integers(0, 50, n).astype(np.int32)
    return Document(f"text {number}", signals, top, (top + differs).astype(np.int32) if large else None)


@pytest.fixture(scope="module")
def texts() -> list[Document]:
    rng = np.random.default_rng(7)
    return [text(number, rng) for number in range(60)]


def test_the_signal_that_finds_the_differences_is_recommended(texts: list[Document]) -> None:
    found = profile(texts, shares=(0.1, 0.5))
    assert found.recommended == "margin"
    areas = {each.name: each.auroc for each in found.signals}
    assert areas["margin"] == pytest.approx(0.87, abs=0.03)
    assert areas["entropy"] == pytest.approx(0.5, abs=0.04)
    differs = np.concatenate([each.differs for each in texts if each.differs is not None])
    assert found.differing == differs.sum()
    margin = next(each for each in found.signals if each.name == "margin")
    values = np.concatenate([each.signals["margin"] for each in texts])
    for at in margin.thresholds:
        routed = values >= np.quantile(values, 1 - at.wanted)
        assert at.threshold == pytest.approx(np.quantile(values, 1 - at.wanted))
        assert at.share == pytest.approx(routed.mean())
        assert at.caught == pytest.approx((routed & differs).sum() / differs.sum())


def test_a_threshold_is_checked_on_texts_that_it_was_not_chosen_on(texts: list[Document]) -> None:
    (held,) = profile(texts, shares=(0.3,)).held_out
    assert held.share.value is not None
    assert held.share.low is not None
    assert held.share.high is not None
    assert held.share.low < 0.3 < held.share.high
    assert held.share.n < 60 * 40
    assert profile(texts[:5]).held_out == ()


def test_drafting_is_what_a_decoder_does_that_drafts_along_the_text(texts: list[Document]) -> None:
    found = profile(texts, cost=0.25)
    for each, draft in zip(found.greedy, DRAFTS, strict=True):
        calls = drafted = accepted = tokens = 0
        for one in texts:
            assert one.differs is not None
            place, n = 0, len(one.small_top)
            tokens += n
            while place < n:
                window = one.differs[place : place + draft]
                kept = int(window.argmax()) if window.any() else len(window)
                calls, drafted, accepted = calls + 1, drafted + len(window), accepted + kept
                place += kept + 1
        assert each.acceptance == pytest.approx(accepted / drafted)
        assert each.tokens_per_call == pytest.approx(tokens / calls)
        assert each.speed_up == pytest.approx(tokens / (calls + 0.25 * drafted))
    assert found.sampled == (), "no total variation is known"


def test_drafting_is_predicted_along_whole_texts_of_a_bounded_number_of_tokens(
    texts: list[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchtui.routing.profile.PREDICTED", 100)
    found = profile(texts)
    assert found.predicted == 80
    assert found.greedy == profile(texts[:2]).greedy


def test_without_a_large_model_there_are_thresholds_and_no_more() -> None:
    rng = np.random.default_rng(3)
    found = profile([text(number, rng, large=False) for number in range(12)])
    assert (found.differing, found.greedy, found.recommended) == (None, (), "margin")
    assert all(each.auroc is None and each.thresholds[0].caught is None for each in found.signals)


def test_a_signal_that_is_not_known_everywhere_is_left_out(texts: list[Document]) -> None:
    unknown = {**texts[0].signals, "entropy": np.full(40, np.nan)}
    found = profile([Document("x", unknown, texts[0].small_top, texts[0].large_top), *texts[1:]])
    assert [each.name for each in found.signals] == ["margin"]


def test_texts_without_tokens_have_no_profile() -> None:
    nothing = np.zeros(0, np.int32)
    with pytest.raises(ValueError, match="no tokens"):
        profile([Document("x", {"margin": np.zeros(0)}, nothing, nothing)])
