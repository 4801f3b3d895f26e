"""Scores that are not right or wrong keep the promise too. Longer: tests/perf/calibration_means.py."""

from __future__ import annotations

import numpy as np
import pytest

from benchtui.compare.differences.difference import PairedTerms, difference
from benchtui.compare.differences.metrics import AGGREGATIONS
from benchtui.compare.records import Kind
from benchtui.compare.verdicts.verdicts import judge
from benchtui.evidence.means import mean_interval, units_of
from benchtui.evidence.student import t_interval
from tests.evidence.simulation_means import (
    BOUNDED,
    UNBOUNDED,
    greatest_size,
    wrong_on_documents,
    wrong_on_instructions,
    wrong_on_scores,
)

REPLICAS = 1_000
MOST = 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / REPLICAS)


@pytest.mark.parametrize("kind", ["3 % lose 0.97", "10 % lose 0.9", "shares of instructions"])
@pytest.mark.parametrize("n", [5, 20, 100, 300])
def test_a_rare_loss_that_nobody_saw_makes_no_gain(kind: str, n: int) -> None:
    """Of 20 documents none loses in 54 % of cases, and all the others gained."""
    assert wrong_on_documents(BOUNDED[kind], n, REPLICAS, np.random.default_rng(n)) <= MOST


@pytest.mark.parametrize("alpha", [0.2, 0.05, 0.025, 0.01])
def test_no_kind_of_score_is_refuted_too_often_with_every_outcome_tried(alpha: float) -> None:
    """It is not proved that Gaffke's bound keeps its level; none of these exceeds it."""
    for n in (2, 5, 7):
        assert greatest_size(n, alpha, 15, np.random.default_rng(n)) <= alpha


@pytest.mark.parametrize("kind", UNBOUNDED)
def test_scores_without_a_scale(kind: str) -> None:
    for n in (199, 200):
        assert wrong_on_documents(UNBOUNDED[kind], n, REPLICAS, np.random.default_rng(n), scale=None) <= MOST


@pytest.mark.parametrize("n", [12, 57, 541])
def test_instructions_that_go_together_do_not_make_chance_a_finding(n: int) -> None:
    """One to five instructions a prompt: a test that takes each for a sample of its own would err far more often."""
    assert wrong_on_instructions(n, REPLICAS, np.random.default_rng(n)) <= MOST


@pytest.mark.parametrize("n", [5, 60])
@pytest.mark.parametrize("kind", ["most right, the rest anything", "one in fifty right"])
def test_a_skewed_score_lies_in_its_own_interval(kind: str, n: int) -> None:
    assert wrong_on_scores(kind, n, REPLICAS, np.random.default_rng(n)) <= MOST


def test_the_verdict_itself_keeps_the_promise() -> None:
    """The whole way, from paired scores to the word: 3 % of 20 and of 100 documents lose nearly all."""
    rng = np.random.default_rng(8)
    for n in (20, 100):
        wrong = 0
        for _ in range(200):
            lost = rng.random(n) < 0.03
            first, second = (
                np.stack([each, np.ones(n)], axis=1) for each in (np.full(n, 0.97), np.where(lost, 0, 1.0))
            )
            found = difference(PairedTerms(AGGREGATIONS[0], first, second))
            wrong += judge(found, higher_is_better=True, is_share=True).kind is not Kind.NO_DIFFERENCE
        assert wrong <= 200 * 0.05


def test_ordinary_scores_pay_little_for_it() -> None:
    """IFEval's shares: at 541 prompts less than a tenth wider than Student's interval, which assumes a shape."""
    rng = np.random.default_rng(9)
    moved = BOUNDED["shares of instructions"](rng, 541)
    units = units_of(moved / 541, np.full(541, 1 / 541), (-1.0, 1.0))
    assert units is not None
    found = mean_interval(units)
    student = t_interval(float(moved.mean()), float(moved.std(ddof=1)) / np.sqrt(541), 541)
    assert 1.0 < (found.high - found.low) / (student.high - student.low) < 1.1
