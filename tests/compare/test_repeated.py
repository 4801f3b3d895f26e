"""What is asked more than once counts once: equal documents, and tasks that ask the same questions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchtui.compare.compare import compare_runs
from benchtui.compare.differences.repeated import parallel, repeated
from benchtui.compare.records import Row
from benchtui.results.read import read_run
from tests.compare.test_verdicts import flipped
from tests.synthetic import Task, write_run


def row(folder: Path, sides: Sequence[dict[str, Task]], task: str, **settings: Any) -> Row:
    runs = [read_run(write_run(folder / name, made, **settings)) for name, made in zip("ab", sides, strict=True)]
    return next(row for row in compare_runs(*runs).rows if row.task == task)


def tasks(names: Sequence[str], sides: tuple[Sequence[bool], Sequence[bool]], **settings: Any) -> list[dict[str, Task]]:
    return [{name: Task({("acc", "none"): list(side)}, **settings) for name in names} for side in sides]


def test_ten_copies_of_six_questions_are_six(tmp_path: Path) -> None:
    """Two of six questions were learnt; each stands there ten times."""
    documents = [f"q{i % 6}" for i in range(60)]
    base, tuned = [False] * 60, [i % 6 < 2 for i in range(60)]
    found = row(tmp_path / "copies", tasks(["t"], (base, tuned), documents=documents), "t").difference
    assert found is not None
    assert (found.n, found.clusters) == (60, 6)
    assert found.p > 0.3
    alone = row(tmp_path / "alone", tasks(["t"], (base, tuned)), "t").difference
    assert alone is not None
    assert alone.p < 0.001


def test_a_copy_in_a_hundred_changes_nothing(tmp_path: Path) -> None:
    sides = flipped(30, 10, 400, 200)
    n = len(sides[0])
    found = row(tmp_path, tasks(["t"], sides, documents=["q0", *(f"q{i}" for i in range(n - 1))]), "t").difference
    assert found is not None
    assert found.method == "exact McNemar"


def test_a_set_in_several_languages_has_as_many_questions_as_one(tmp_path: Path) -> None:
    """A change that all eleven share is one, not eleven."""
    names = [f"sums_{number}" for number in range(11)]
    base, tuned = flipped(12, 8, 100, 40)
    targets = [str(number) for number in range(len(base))]
    found = row(tmp_path, tasks(names, (base, tuned), targets=targets), "sums", groups={"sums": names})
    assert found.difference is not None
    single = row(tmp_path / "single", tasks(names[:1], (base, tuned)), names[0])
    assert single.difference is not None
    assert found.difference.clusters == len(base)
    assert found.difference.value == pytest.approx(single.difference.value)
    assert found.difference.p > single.difference.p / 2
    assert found.verdict is not None
    assert not found.verdict.kind.is_gain


def test_unrelated_tasks_of_one_size_are_no_copies() -> None:
    rng = np.random.default_rng(4)
    choices = [[str(answer) for answer in rng.integers(4, size=100)] for _ in range(5)]
    assert not parallel(choices)
    assert parallel([choices[0]] * 3)
    assert not parallel([["yes"] * 95 + ["no"] * 5] * 3), "they agree as nearly all have one answer"
    assert not parallel([choices[0]])
    assert repeated(["a", "b", "c"]) is None
