"""Which documents are looked at token by token: all that changed side, and some that did not."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchtui.compare.compare import compare_runs
from benchtui.compare.records import Comparison
from benchtui.compare.token_flips import chosen_documents
from benchtui.errors import BenchtuiError
from benchtui.results.read import read_run
from tests.synthetic import Task, write_run

FIRST = [0.0, 1.0] * 40
SECOND = [1.0, 0.0, *FIRST[2:]]


def compared(folder: Path, first: list[float], second: list[float], metric: str = "acc") -> Comparison:
    runs = [
        write_run(
            folder / side,
            {"school": Task({(metric, "none"): values}), "length": Task({("f1", "none"): [v / 2 for v in values]})},
        )
        for side, values in (("a", first), ("b", second))
    ]
    return compare_runs(*map(read_run, runs))


def test_all_that_changed_side_and_some_that_did_not(tmp_path: Path) -> None:
    chosen = chosen_documents(compared(tmp_path, FIRST, SECOND))
    assert [(one.task, one.doc_id, one.change) for one in chosen[:2]] == [
        ("school", 0, "fixed"),
        ("school", 1, "broken"),
    ]
    others = chosen[2:]
    assert len(others) == 50
    assert {one.change for one in others} == {"same"}
    assert {one.task for one in chosen} == {"school"}
    assert len({one.doc_id for one in chosen}) == 52
    assert min(one.doc_id for one in others) >= 2


def test_the_others_are_drawn_by_the_seed(tmp_path: Path) -> None:
    comparison = compared(tmp_path, FIRST, SECOND)
    draws = [chosen_documents(comparison, others=20, seed=seed) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    assert len(draws[2]) == 22


def test_the_others_are_of_tasks_in_which_something_changed(tmp_path: Path) -> None:
    """They are compared within their task."""
    runs = [
        write_run(tmp_path / side, {"school": Task({("acc", "none"): values}), "idle": Task({("acc", "none"): FIRST})})
        for side, values in (("a", FIRST), ("b", SECOND))
    ]
    chosen = chosen_documents(compare_runs(*map(read_run, runs)))
    assert len(chosen) == 52
    assert {one.task for one in chosen} == {"school"}


def test_where_nothing_changed_side_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(BenchtuiError, match="None of 80 documents is right in one"):
        chosen_documents(compared(tmp_path, FIRST, FIRST))


def test_a_task_without_sides_is_said(tmp_path: Path) -> None:
    with pytest.raises(BenchtuiError, match="share no task whose metric tells right from wrong"):
        chosen_documents(compared(tmp_path, FIRST, SECOND), tasks=["length"])
