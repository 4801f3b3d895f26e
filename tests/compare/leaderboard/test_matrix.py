"""The pairwise matrix: every pair as `compare` has it, corrected over all of them."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from scipy import stats

from benchtui.compare.compare import compare_runs
from benchtui.compare.leaderboard import matrix as matrix_module
from benchtui.compare.leaderboard.leaderboard import columns_of
from benchtui.compare.leaderboard.matrix import make_matrix, matrix_pairs
from benchtui.compare.leaderboard.pairs import compare_pairs
from benchtui.compare.leaderboard.records import Candidate, Key
from benchtui.evidence.corrections import holm
from benchtui.results.read import read_run
from tests.compare.leaderboard.written import N, board_of, checkpoints, follows, right, solves, write_candidate

SHARES = (0.45, 0.6, 0.58, 0.4)


@pytest.fixture
def candidates(tmp_path: Path) -> list[Candidate]:
    return checkpoints(tmp_path, SHARES)


def test_each_pair_is_that_of_compare_and_the_p_values_are_those_of_holm_over_all(candidates: list[Candidate]) -> None:
    (column,) = columns_of(candidates)
    found = make_matrix(candidates, column, compare_pairs(matrix_pairs(candidates, column)))
    assert found.order == (2, 3, 1, 4, 0)
    assert found.tests == 10
    assert found.pending == 0
    couples = list(itertools.combinations(range(5), 2))
    p_values = []
    for first, second in couples:
        runs = [read_run(candidates[place].runs["ifeval"]) for place in (first, second)]
        row = compare_runs(runs[0], runs[1]).headlines[0]
        contrast = found.contrast(first, second)
        assert contrast.row is not None
        assert (contrast.row.change, contrast.row.interval) == (row.change, row.interval)
        assert contrast.change(first) == -row.change
        assert row.difference is not None
        p_values.append(row.difference.p)
    corrected = [found.contrast(*both).p for both in couples]
    assert corrected == pytest.approx(holm(p_values))


def test_p_values_are_those_of_an_exact_test(candidates: list[Candidate]) -> None:
    (column,) = columns_of(candidates)
    found = make_matrix(candidates, column, compare_pairs(matrix_pairs(candidates, column)))
    mine, theirs = right(SHARES[0], 50), right(SHARES[3], 53)
    better = sum(m and not t for m, t in zip(mine, theirs, strict=True))
    worse = sum(t and not m for m, t in zip(mine, theirs, strict=True))
    row = found.contrast(1, 4).row
    assert row is not None
    assert row.tested is not None
    assert row.tested.p == pytest.approx(stats.binomtest(better, better + worse).pvalue, rel=1e-9)


def test_who_is_better_is_told_from_either_side(candidates: list[Candidate]) -> None:
    (column,) = columns_of(candidates)
    found = make_matrix(candidates, column, compare_pairs(matrix_pairs(candidates, column)))
    assert found.contrast(0, 2).better == found.contrast(2, 0).better == 2
    assert found.contrast(2, 3).better is None
    assert found.contrast(0, 2).change(2) == pytest.approx(0.3)
    interval = found.contrast(0, 2).interval(0)
    assert interval is not None
    assert interval.low < -0.3 < interval.high < 0


def test_what_is_shown_stays_shown_while_others_are_pending(candidates: list[Candidate]) -> None:
    (column,) = columns_of(candidates)
    pairs = list(matrix_pairs(candidates, column))
    whole = make_matrix(candidates, column, compare_pairs(pairs))
    some = make_matrix(candidates, column, compare_pairs(pairs[:4]))
    assert some.pending == 6
    for both, contrast in some.contrasts.items():
        if contrast.better is not None:
            assert whole.contrasts[both].better == contrast.better
        if contrast.p is not None:
            assert contrast.p >= (whole.contrasts[both].p or 0)


def test_the_figures_of_a_base_are_those_of_the_leaderboard(candidates: list[Candidate]) -> None:
    board, compared = board_of(candidates)
    found = make_matrix(candidates, board.columns[0], compared)
    for place in range(1, 5):
        cell, contrast = board.cells[place][0].row, found.contrast(0, place).row
        assert cell is not None
        assert contrast is not None
        assert (cell.change, cell.interval) == (contrast.change, contrast.interval)


def test_scores_found_in_another_way_are_not_compared(tmp_path: Path) -> None:
    found = checkpoints(tmp_path, (0.5, 0.6))
    found.append(write_candidate(tmp_path, Key("short"), {"ifeval": follows(0.9, 3, 40)}))
    found.append(write_candidate(tmp_path, Key("other"), {"ifeval": follows(0.9, 3, N, prompt="Answer: ")}))
    column = columns_of(found)[0]
    matrix = make_matrix(found, column, compare_pairs(matrix_pairs(found, column)))
    for place in (3, 4):
        contrast = matrix.contrast(place, 1)
        assert contrast.state == "not comparable"
        assert contrast.why
        assert contrast.better is contrast.change(1) is contrast.p is None


def test_less_is_better_where_the_metric_says_so(tmp_path: Path) -> None:
    few = write_candidate(tmp_path, Key("few"), {"errors": solves(0.1, 1, higher_is_better=False)})
    many = write_candidate(tmp_path, Key("many"), {"errors": solves(0.5, 2, higher_is_better=False)})
    column = columns_of([many, few])[0]
    matrix = make_matrix([many, few], column, compare_pairs(matrix_pairs([many, few], column)))
    assert matrix.order == (1, 0)
    assert matrix.contrast(0, 1).better == 1
    assert matrix.contrast(0, 1).change(1) == pytest.approx(-0.4)


def test_of_very_many_the_best_are_shown_and_the_pairs_of_all_are_corrected_for(
    candidates: list[Candidate], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrix_module, "MOST", 2)
    (column,) = columns_of(candidates)
    pairs = list(matrix_pairs(candidates, column))
    assert pairs == [(candidates[2].runs["ifeval"], candidates[3].runs["ifeval"])]
    found = make_matrix(candidates, column, compare_pairs(pairs))
    assert (found.order, found.of, found.tests) == ((2, 3), 5, 10)
