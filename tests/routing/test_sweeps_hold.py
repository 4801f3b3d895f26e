"""What is concluded from a sweep holds as often as it says: shares of tokens, verdicts, the figure of a whole curve."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from benchtui.evidence.shares import wilson
from benchtui.routing.sweeps.choose import halves, settled
from benchtui.routing.sweeps.conclude import concluded
from benchtui.routing.sweeps.records import SweptMetric, SweptTask
from benchtui.routing.thresholds import verdict

Row = tuple[float, ...]


def hashes(rng: np.random.Generator, n: int) -> tuple[str, ...]:
    return tuple(f"{number:032x}" for number in rng.integers(0, 1 << 62, n))


def routed_tokens(rng: np.random.Generator, n: int) -> SweptTask:
    """A task whose tokens are unsure together within a document (correlation 0.36); both models are equally good."""
    names = hashes(rng, n)
    sizes = rng.integers(10, 60, n)
    signals = [special.ndtr(0.6 * rng.normal() + 0.8 * rng.normal(size=size)) for size in sizes]
    thresholds = settled(["p70"], signals, names)
    reached = tuple(float((each >= thresholds[0].value).sum()) for each in signals)
    right = tuple((rng.random(n) < 0.7).astype(float).tolist())
    return SweptTask(
        "t", "texts", tuple(range(n)), names, thresholds, (0,), {"tokens": tuple(sizes.astype(float).tolist())},
        {"tokens": tuple(sizes.astype(float).tolist())}, ({"tokens": reached},),
        (SweptMetric("acc", "none", True, right, right, (right,)),),
    )  # fmt: skip


@pytest.mark.slow
def test_the_share_of_tokens_on_other_documents_is_within_its_interval() -> None:
    rng, rounds = np.random.default_rng(19), 1_000
    covered = as_if_independent = 0
    for _ in range(rounds):
        task = routed_tokens(rng, 100)
        true = 1 - task.thresholds[0].value  # the signal is uniform over all documents there could be
        found = concluded(task, task.metrics[0]).places[0].work["tokens"]
        assert found.low is not None
        assert found.high is not None
        assert found.value is not None
        covered += found.low <= true <= found.high
        ends = wilson(round(found.value * found.n), found.n)
        as_if_independent += ends.low <= true <= ends.high
    assert 0.93 <= covered / rounds <= 0.97
    assert as_if_independent / rounds < 0.70


def deferred(
    rng: np.random.Generator, signal: np.ndarray, small: np.ndarray, large: np.ndarray, asked: tuple[str, ...]
) -> SweptTask:
    n = len(signal)
    names = hashes(rng, n)
    thresholds = settled(asked, signal.tolist(), names)
    takes = signal >= np.array([each.value for each in thresholds])[:, None]
    ones = (1.0,) * n

    def rows(values: np.ndarray) -> tuple[Row, ...]:
        return tuple(tuple(row) for row in values.astype(float).tolist())

    return SweptTask(
        "t", "choices", tuple(range(n)), names, thresholds, tuple(range(len(thresholds))), {"documents": ones},
        {"documents": ones}, tuple({"documents": row} for row in rows(takes)),
        (SweptMetric("acc", "none", True, *rows(np.array([small, large])), rows(np.where(takes, large, small))),),
    )  # fmt: skip


ASKED = tuple(f"p{percent}" for percent in range(5, 100, 5))


def test_the_figure_of_random_deferral_is_a_half_within_its_interval() -> None:
    rng, rounds, covered, values = np.random.default_rng(3), 20, 0, []
    for _ in range(rounds):
        small, large = rng.random(260) < 0.35, rng.random(260) < 0.85
        task = deferred(rng, rng.random(260), small, large, ASKED)
        found = concluded(task, task.metrics[0], margin=0.05).recovered
        assert found.value is not None
        assert found.interval is not None
        values.append(found.value)
        covered += found.interval.low <= 0.5 <= found.interval.high
    assert covered >= 17
    assert np.mean(values) == pytest.approx(0.5, abs=4 * np.std(values) / np.sqrt(rounds))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_no_deferral_is_above_the_oracle_and_ties_have_no_figure(seed: int) -> None:
    rng = np.random.default_rng(seed)
    small, large = rng.random(80) < 0.5, rng.random(80) < 0.5
    task = deferred(rng, rng.random(80), small, large, ASKED)
    found = concluded(task, task.metrics[0], margin=0.05)
    oracle = np.interp(found.curve.shares, found.oracle.shares, found.oracle.scores)
    assert (oracle >= np.array(found.curve.scores) - 1e-9).all()
    assert found.gap.interval is not None
    if not found.gap.interval.excludes_zero():
        assert found.recovered.value is None
        assert found.half is None


@pytest.mark.slow
def test_a_threshold_is_not_judged_on_the_documents_that_it_was_chosen_on() -> None:
    """All thresholds are truly worse by the margin, and alike; the best of them on one half is judged on the other.
    Where it was chosen it would be called not worse far more often."""
    rng, rounds, margin, n = np.random.default_rng(5), 300, 0.04, 240
    shown = shown_where_chosen = 0
    for _ in range(rounds):
        large = (rng.random(n) < 0.7).astype(float)
        scores = np.where(rng.random((30, n)) < margin / 0.7, 0.0, large)
        task = deferred(
            rng, rng.random(n), np.zeros(n), np.ones(n), tuple(f"p{percent}" for percent in range(3, 93, 3))
        )
        row = tuple(large.tolist())
        metric = SweptMetric("acc", "none", True, row, row, tuple(tuple(each) for each in scores.tolist()))
        choosing = halves(task.doc_hashes)
        best = int(scores[:, choosing].mean(1).argmax())
        found = concluded(task, metric, margin=margin).places[best]
        assert found.verdict is not None
        shown += found.verdict.shown
        shown_where_chosen += verdict(scores[best][choosing], large[choosing], margin).shown
    assert shown / rounds <= 0.08
    assert shown_where_chosen / rounds > 0.25
