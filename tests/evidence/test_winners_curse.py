"""What is told of a leader's score: nothing where it is far ahead, and for equal candidates what choosing adds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from benchtui.evidence.winners_curse import Choice, shrinkage
from tests.evidence.simulation_leaderboard import Training, answers


def choice(scores: np.ndarray, weight: float = 1.0) -> Choice:
    """(documents, candidates) scores of a mean."""
    return Choice(np.stack([scores, np.ones_like(scores)], axis=2), lambda sums: sums[..., 0] / sums[..., 1], weight)


def test_it_is_what_the_greatest_of_ten_normal_scores_is_above_their_mean() -> None:
    """Independent normal scores: the expected greatest of ten, by numerical integration, standard errors."""
    rng, n, told = np.random.default_rng(3), 200, []
    for _ in range(120):
        found = shrinkage([choice(rng.normal(size=(n, 10)))])
        assert found is not None
        told.append(found * np.sqrt(n))
    greatest = stats.rv_continuous.expect
    expected = greatest(stats.norm, lambda x: 10 * x * stats.norm.cdf(x) ** 9)
    assert np.mean(told) == pytest.approx(expected, rel=0.08)


def test_candidates_that_are_often_equal_may_come_in_any_order() -> None:
    """Ten equal ones right or wrong at 100 documents, the best first: the expected greatest of ten binomial scores."""
    rng, n, told = np.random.default_rng(5), 100, []
    for _ in range(150):
        scores = (rng.random((n, 10)) < 0.6) * 1.0
        ordered = scores[:, np.argsort(-scores.mean(axis=0), kind="stable")]
        told.append(shrinkage([choice(ordered)]) or 0.0)
        assert shrinkage([choice(scores)]) == pytest.approx(told[-1], abs=1e-9)
    at_most = stats.binom.cdf(np.arange(n), n, 0.6) ** 10
    assert np.mean(told) == pytest.approx((n - at_most.sum()) / n - 0.6, rel=0.05)


def test_a_leader_that_is_far_ahead_keeps_its_score() -> None:
    rng = np.random.default_rng(1)
    scores = (rng.random((400, 3)) < [0.3, 0.3, 0.8]) * 1.0
    assert shrinkage([choice(scores)]) == pytest.approx(0, abs=0.004)
    assert shrinkage([choice(-scores)], higher_is_better=False) == pytest.approx(0, abs=0.004)


def test_it_is_the_same_for_scores_where_less_is_better() -> None:
    scores = answers(Training(5, documents=300), np.random.default_rng(2))[:, 1:] * 1.0
    assert shrinkage([choice(scores)]) == shrinkage([choice(-scores)], higher_is_better=False)


def test_several_tasks_average_out() -> None:
    rng = np.random.default_rng(4)
    tasks = [answers(Training(documents=400), rng)[:, 1:] * 1.0 for _ in range(4)]
    alone = np.mean([shrinkage([choice(task)]) or 0.0 for task in tasks])
    together = shrinkage([choice(task, 0.25) for task in tasks])
    assert together is not None
    assert 0.3 * alone < together < 0.8 * alone  # half


@pytest.mark.parametrize(
    "scores", [np.ones((100, 1)), np.ones((9, 4)), np.full((100, 2), np.nan)], ids=["alone", "few", "no number"]
)
def test_nothing_is_told_where_nothing_can_be(scores: np.ndarray) -> None:
    assert shrinkage([choice(scores)]) is None
    assert shrinkage([]) is None


@given(st.integers(2, 6), st.integers(10, 60), st.integers(0, 1_000))
def test_it_is_never_below_zero_nor_above_the_range(candidates: int, documents: int, seed: int) -> None:
    scores = np.random.default_rng(seed).random((documents, candidates))
    found = shrinkage([choice(scores)])
    assert found is not None
    assert 0 <= found <= 1
    assert shrinkage([choice(np.repeat(scores[:, :1], candidates, axis=1))]) == pytest.approx(0, abs=0.05)


def test_documents_that_a_candidate_lacks_do_not_count_for_it() -> None:
    rng = np.random.default_rng(8)
    scores = answers(Training(4, documents=300), rng)[:, 1:] * 1.0
    whole = choice(scores)
    lacking = whole.terms.copy()
    lacking[:15, 2] = 0
    found, all_of_it = shrinkage([Choice(lacking, whole.combine)]), shrinkage([whole])
    assert found == pytest.approx(all_of_it, abs=0.01)
