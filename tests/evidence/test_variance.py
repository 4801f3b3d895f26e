"""Seeds and sampled answers, against statsmodels' analysis of variance, and by simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from benchtui.evidence.variance import recipe_mean, sampled_mean, subject_of
from tests.evidence.cells import Cell
from tests.evidence.simulation_seeds import covered_recipes, covered_samples, false_recipes


def test_both_standard_errors_are_those_of_a_two_way_analysis_of_variance() -> None:
    rng = np.random.default_rng(1)
    scores = rng.normal(0, 0.3, (4, 1)) + rng.normal(0, 1, 25) + rng.normal(0, 0.5, (4, 25))
    table = pd.DataFrame(
        [(s, d, scores[s, d]) for s in range(4) for d in range(25)], columns=["seed", "document", "score"]
    )
    anova = anova_lm(ols("score ~ C(seed) + C(document)", table).fit())
    squares = anova["sum_sq"] / anova["df"]
    found = recipe_mean(scores)
    assert found.value == pytest.approx(scores.mean())
    assert found.between_seeds**2 == pytest.approx(squares["C(seed)"] / 100)
    assert found.between_documents**2 == pytest.approx(squares["C(document)"] / 100)
    assert found.stderr == pytest.approx(np.hypot(found.between_seeds, found.between_documents))


def test_where_documents_are_alike_it_is_a_t_test_over_seeds() -> None:
    means = np.array([0.3, 0.1, 0.25, 0.4])
    found = recipe_mean(np.repeat(means[:, None], 50, axis=1))
    expected = stats.ttest_1samp(means, 0)
    assert found.p == pytest.approx(expected.pvalue)
    low, high = expected.confidence_interval(0.95)
    assert (found.interval().low, found.interval().high) == (pytest.approx(low), pytest.approx(high))


@pytest.mark.parametrize("seed", range(20))
def test_the_interval_leaves_zero_out_exactly_where_p_is_below_its_level(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = recipe_mean(rng.normal(0.3, 1, (3, 30)) + rng.normal(0, 0.2, (3, 1)))
    for alpha in (0.01, 0.05, 0.3):
        assert found.interval(alpha).excludes_zero() == (found.p < alpha)


def test_one_adapter_says_nothing_of_its_recipe() -> None:
    with pytest.raises(ValueError, match="two seeds"):
        recipe_mean(np.ones((1, 50)))
    assert subject_of(1) == "this fine-tuned model"
    assert subject_of(3) == "this recipe (3 training runs)"


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
@pytest.mark.parametrize("spread", [0.0, 0.05])
def test_a_recipe_is_judged_as_seldom_wrongly_as_said(seeds: int, spread: float) -> None:
    rng = np.random.default_rng(seeds)
    covered = covered_recipes(seeds, 100, spread, 1_000, rng)
    assert Cell("interval", 0.95, covered, 1_000, "at least").kept
    assert Cell("error", 0.05, false_recipes(seeds, 100, spread, 1_000, rng), 1_000).kept


def test_documents_alone_would_find_differences_in_the_luck_of_training() -> None:
    """The error that is avoided: a t-test over the documents of one adapter, as if it were its recipe."""
    rng, wrong = np.random.default_rng(9), []
    for _ in range(400):
        skill = rng.random(500)
        one = rng.random(500) < np.clip(skill + rng.normal(0, 0.05), 0, 1)
        wrong.append(stats.ttest_rel(one * 1.0, (rng.random(500) < skill) * 1.0).pvalue < 0.05)
    assert np.mean(wrong) > 0.2


def test_variances_of_answers_are_those_of_a_one_way_analysis_of_variance() -> None:
    rng = np.random.default_rng(2)
    scores = (rng.random((60, 5)) < rng.beta(0.7, 0.7, (60, 1))) * 1.0
    table = pd.DataFrame({"document": np.repeat(np.arange(60), 5), "score": scores.ravel()})
    anova = anova_lm(ols("score ~ C(document)", table).fit())
    squares = anova["sum_sq"] / anova["df"]
    found = sampled_mean(scores)
    assert found.within == pytest.approx(squares["Residual"])
    assert found.between == pytest.approx((squares["C(document)"] - squares["Residual"]) / 5)
    assert found.stderr**2 == pytest.approx(squares["C(document)"] / 300)
    assert found.stderr_with(5) == pytest.approx(found.stderr)


def test_how_many_answers_are_worth_asking_for() -> None:
    rng = np.random.default_rng(3)
    found = sampled_mean((rng.random((400, 4)) < rng.beta(2, 2, (400, 1))) * 1.0)
    worth = found.worth_asking()
    assert worth is not None
    endless = np.sqrt(found.between / 400)
    assert found.stderr_with(worth) <= 1.05 * endless < found.stderr_with(worth - 1)
    assert sampled_mean(np.array([[1.0, 1.0], [0.0, 0.0]])).worth_asking() == 1, "the same answer each time"
    assert sampled_mean(np.array([[1.0, 0.0], [0.0, 1.0]])).worth_asking() is None, "documents do not differ"
    with pytest.raises(ValueError, match="two answers"):
        sampled_mean(np.ones((50, 1)))


def test_the_standard_error_of_sampled_answers_covers() -> None:
    covered = covered_samples(200, 4, 1_000, np.random.default_rng(4))
    assert Cell("interval", 0.95, covered, 1_000, "at least").kept
