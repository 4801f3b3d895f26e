"""Scores over training steps: the best so far, and the first drop that is shown."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from benchtui.compare.compare import compare_runs
from benchtui.compare.leaderboard.pairs import compare_pairs
from benchtui.compare.leaderboard.records import Candidate, Key
from benchtui.compare.leaderboard.steps import Curve, make_curves, series_of, step_pairs
from benchtui.results.read import read_run
from tests.compare.leaderboard.written import board_of, checkpoints, follows, write_candidate


def curve_of(candidates: list[Candidate]) -> Curve:
    board, compared = board_of(candidates)
    (found,) = make_curves(board, {**compared, **compare_pairs(step_pairs(board))})
    return found


def test_a_drop_is_compared_with_the_best_step_before_it(tmp_path: Path) -> None:
    candidates = checkpoints(tmp_path, (0.4, 0.6, 0.55, 0.61, 0.4))
    found = curve_of(candidates)
    assert [point.step for point in found.points] == [10, 20, 30, 40, 50]
    assert [point.best for point in found.points] == [0, 1, 1, 3, 3]
    assert [point.drop is not None for point in found.points] == [False, False, True, False, True]
    assert found.first_drop == 4
    assert found.best == 3
    assert found.tests == 10  # any two of five steps
    drop = found.points[4].drop
    assert drop is not None
    assert drop.row is not None
    alone = compare_runs(*(read_run(candidates[place].runs["ifeval"]) for place in (4, 5))).headlines[0]
    assert (drop.row.change, drop.row.interval) == (alone.change, alone.interval)
    assert alone.difference is not None
    assert drop.p == pytest.approx(min(1.0, 10 * alone.difference.p))


def test_what_chance_explains_is_no_drop(tmp_path: Path) -> None:
    found = curve_of(checkpoints(tmp_path, (0.5, 0.47, 0.45)))
    assert [point.drop is not None for point in found.points] == [False, True, True]
    assert found.first_drop is None


def test_a_drop_is_corrected_for_all_pairs_of_steps_and_all_tasks_of_the_model(tmp_path: Path) -> None:
    """A drop that two runs alone would show is not one where ten steps could have had it."""
    shares = (0.5, 0.42)
    few = curve_of(checkpoints(tmp_path / "few", shares))
    many = curve_of(checkpoints(tmp_path / "many", (*shares, *[0.5] * 8)))
    drops = [each.points[1].drop for each in (few, many)]
    assert next(drop.row.difference.p for drop in drops if drop and drop.row and drop.row.difference) < 0.05
    assert few.first_drop == 1
    assert many.tests == 45
    assert many.first_drop is None


def test_points_have_the_intervals_and_the_base_the_score_of_the_leaderboard(tmp_path: Path) -> None:
    found = curve_of(checkpoints(tmp_path, (0.4, 0.5), base_share=0.3))
    assert found.base == pytest.approx(0.3)
    assert found.base_name == "org/base"
    for point, share in zip(found.points, (0.4, 0.5), strict=True):
        assert point.cell.value == pytest.approx(share)
        assert point.cell.interval is not None
        assert point.cell.interval.low < share < point.cell.interval.high


def test_a_step_of_another_number_of_documents_is_apart(tmp_path: Path) -> None:
    candidates = checkpoints(tmp_path, (0.4, 0.5))
    short = write_candidate(
        tmp_path, Key("tuned", "checkpoint-15"), {"ifeval": follows(0.95, 3, 40)}, base=candidates[0], step=15
    )
    found = curve_of([*candidates, short])
    assert [(point.step, point.apart, point.best) for point in found.points] == [
        (10, False, 0),
        (15, True, 0),
        (20, False, 2),
    ]
    assert found.tests == 1


def test_pending_drops_are_counted(tmp_path: Path) -> None:
    board, compared = board_of(checkpoints(tmp_path, (0.6, 0.3)))
    (found,) = make_curves(board, compared)
    assert found.pending == 1
    assert found.first_drop is None


def test_a_series_is_one_folder_unit_and_backend(tmp_path: Path) -> None:
    one = checkpoints(tmp_path, (0.4,))[1]
    formats = ("checkpoint-2", "checkpoint-10", "epoch_1", "epoch_2", "lora/checkpoint-4", "final")
    candidates = [
        msgspec.structs.replace(one, key=Key("tuned", form), step=step)
        for form, step in zip(formats, (2.0, 10.0, 1.0, 2.0, 4.0, None), strict=True)
    ]
    found = {(series.folder, series.unit): places for series, places in series_of(candidates).items()}
    assert found == {("", "step"): (0, 1), ("", "epoch"): (2, 3)}
