"""Leaderboards promise what they keep: equal models are rarely called better, a better one is found as planned.

Longer: tests/perf/calibration_leaderboard.py.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchtui.evidence.matched_pairs import mcnemar
from benchtui.evidence.power import mcnemar_power, power_of_all
from tests.evidence.cells import Cell
from tests.evidence.simulation_leaderboard import (
    Training,
    answers,
    claims,
    false_claims,
    found_better,
    leaderboard,
    p_values,
    possibly_claims,
    scored,
    told_and_true,
)

SMALL = Training(checkpoints=5, tasks=2, documents=200)


@pytest.mark.parametrize("apart", [1.0, 0.25])
def test_of_equal_checkpoints_none_is_called_better_or_best(apart: float) -> None:
    replicas = 600
    training = dataclasses.replace(SMALL, apart=apart)
    *_, either = false_claims(training, replicas, np.random.default_rng(7))
    assert Cell("", 0.05, either, replicas).kept


def test_single_tests_would_have_misled() -> None:
    rng, replicas = np.random.default_rng(7), 200
    wrong = [any((p_values(task) < 0.05).any() for task in scored(SMALL, rng)) for _ in range(replicas)]
    assert np.mean(wrong) > 0.15


@pytest.mark.parametrize("better", [0.0, 0.12])
def test_leaderboards_that_are_not_made_claim_nothing_and_short_ones_what_whole_ones_do(better: float) -> None:
    """All comparisons of it, against those with small p-values alone, and against the vectorised tests."""
    rng = np.random.default_rng(11)
    training = dataclasses.replace(SMALL, better=better)
    for _ in range(6):
        tasks = scored(training, rng)
        whole, short = leaderboard(tasks, every=True), leaderboard(tasks)
        assert claims(whole) == claims(short)
        assert [best.tied for best in whole.best if best] == [best.tied for best in short.best if best]
        if not possibly_claims(tasks):
            assert claims(whole) == (False, False)
        for number, column in enumerate(whole.columns[:2]):
            task = tasks[int(column.task[1:])]
            rows = [cells[number].row for cells in whole.cells[1:]]
            assert [row.tested.p for row in rows if row and row.tested] == pytest.approx(p_values(task).tolist())


def test_vectorised_p_values_are_those_of_the_exact_test() -> None:
    task = answers(SMALL, np.random.default_rng(1))
    both = [(int((new & ~task[:, 0]).sum()), int((~new & task[:, 0]).sum())) for new in task[:, 1:].T]
    assert p_values(task).tolist() == pytest.approx([mcnemar(*counts) for counts in both])


def test_a_better_checkpoint_is_found_and_shown_best_as_often_as_planned() -> None:
    """One of five on two tasks and their mean: as one of fifteen tests."""
    training = dataclasses.replace(SMALL, better=0.15)
    replicas = 1_500
    shown, best = found_better(training, replicas, np.random.default_rng(3))
    power = mcnemar_power(200, 0.2, 0.15, 0.05 / 15)
    assert Cell("", power, shown, replicas, "at least").kept
    assert best == pytest.approx(power_of_all(power, 5), abs=0.04)


def test_the_leaderboard_finds_what_the_vectorised_tests_find() -> None:
    rng = np.random.default_rng(2)
    training = dataclasses.replace(SMALL, better=0.15)
    for seed in rng.integers(0, 1_000, 8):
        shown, best = found_better(training, 1, np.random.default_rng(seed))
        board = leaderboard(scored(training, np.random.default_rng(seed)))
        column = next(number for number, each in enumerate(board.columns) if each.task == "t0")
        row, leader = board.cells[-1][column].row, board.best[column]
        assert row is not None
        assert leader is not None
        assert (row.verdict is not None and row.verdict.kind.is_gain) >= bool(shown)  # the mean may help
        assert (leader.shown and leader.leader == 5) == bool(best)


def best_by_scipy(task: np.ndarray, level: float) -> tuple[int, set[int]]:
    """The leader, and all that are not shown to be worse, by scipy's binomial test of the changes."""
    leader = int(task.sum(axis=0).argmax())
    tied = {leader}
    for place in range(task.shape[1]):
        ahead = int((task[:, leader] & ~task[:, place]).sum())
        behind = int((task[:, place] & ~task[:, leader]).sum())
        if ahead + behind == 0 or stats.binomtest(ahead, ahead + behind).pvalue >= level:
            tied.add(place)
    return leader, tied


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.1, 0.2]), st.permutations(range(5)))
def test_who_is_best_is_what_scipy_says_in_any_order(seed: int, better: float, order: list[int]) -> None:
    rng = np.random.default_rng(seed)
    task = answers(Training(checkpoints=5, documents=150, better=better), rng, task=0)
    task = task[:, [0, *(place + 1 for place in order)]]
    (best,) = leaderboard([task], every=True).best
    assert best is not None
    leader, tied = best_by_scipy(task, 0.05 / 5)
    assert (best.leader, set(best.tied), best.shown) == (leader, tied, tied == {leader})


def test_what_is_told_of_the_best_of_equal_checkpoints_is_true_on_average() -> None:
    for training in (Training(documents=200), Training(documents=200, apart=0.25)):
        told, true = told_and_true(training, 400, np.random.default_rng(5))
        assert told == pytest.approx(true, rel=0.1)
