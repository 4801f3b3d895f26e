"""All headline rows judged together: over every task that was asked, at the level that the looks left."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.compare.compare import compare_runs
from benchtui.compare.records import Comparison, Kind, Row
from benchtui.compare.verdicts.gate import gate
from benchtui.evidence.power import detectable_share
from benchtui.reports.tables import plain_table
from benchtui.results.read import read_run
from tests.compare.test_verdicts import flipped
from tests.synthetic import Task, early_stop, ifeval, write_run

WATCHED = {"plan": {"backend": "hf", "decide early": 2.0}, "decide_early": {}, "fingerprint": "tuned-1"}
Sides = tuple[list[bool], list[bool]]


def accuracy(right: list[bool], **settings: Any) -> Task:
    return Task({("acc", "none"): right}, **settings)


def compared(
    folder: Path, tasks: Mapping[str, Sides], first: Mapping[str, Any] | None = None, second: Mapping[str, Any] = {}
) -> Comparison:
    """A base and a fine-tuned run of these tasks, with these benchtui blocks; an empty side has no result."""
    runs = []
    for i, (name, block) in enumerate((("base", first or {}), ("fine-tuned/1", second))):
        there = {task: accuracy(sides[i]) for task, sides in tasks.items() if sides[i]}
        runs.append(read_run(write_run(folder / name, there, block=block)))
    return compare_runs(*runs)


def headline(found: Comparison, task: str = "t") -> Row:
    return next(row for row in found.headlines if row.task == task)


LUCKY = flipped(30, 14, 100, 100)  # p = 0.023


def asked(*names: str) -> dict[str, Any]:
    return {"asked": {name: [name] for name in names}}


def test_a_task_that_lost_its_result_is_one_of_the_tests(tmp_path: Path) -> None:
    """Both were asked three tasks; two of them were lost, one by either run. What is left is no single test."""
    tasks = {"t": LUCKY, "u": (LUCKY[0], []), "v": ([], LUCKY[1])}
    block = asked("t", "u", "v")
    found = compared(tmp_path, tasks, block, block)
    row = headline(found)
    assert found.tests == 3
    assert row.difference is not None
    assert row.difference.p_holm == pytest.approx(3 * row.difference.p)
    assert row.verdict is not None
    assert row.verdict.kind is Kind.NO_DIFFERENCE
    assert "which one of 3 tests shows too often by chance" in row.verdict.sentence
    assert "corrected for 3 tests" in " ".join(plain_table(found).split())


def test_a_chance_too_small_for_a_number_is_said_to_be_corrected_too(tmp_path: Path) -> None:
    block = asked("t", "u")
    found = compared(tmp_path, {"t": ([False] * 1_200, [True] * 1_200), "u": (LUCKY[0], [])}, block, block)
    row = headline(found)
    assert row.difference is not None
    assert row.difference.p_holm == 0.0
    assert "corrected for 2 tests" in " ".join(plain_table(found).split())


def test_a_task_that_one_run_was_not_asked_is_not(tmp_path: Path) -> None:
    """A base that is reused may hold more."""
    tasks = {"t": LUCKY, "u": (LUCKY[0], [])}
    for number, block in enumerate(({}, asked("t"))):
        found = compared(tmp_path / str(number), tasks, asked("t", "u"), block)
        assert found.tests == 1
        assert headline(found).verdict is not None
        assert headline(found).verdict.kind.is_gain  # type: ignore[union-attr]


def test_a_lost_group_is_one_test_and_its_lost_tasks_are_each_one(tmp_path: Path) -> None:
    group = {"asked": {"t": ["t"], "g": ["g1", "g2", "g3"]}}
    nothing_left = compared(tmp_path / "all", {"t": LUCKY}, group, group)
    assert nothing_left.tests == 2
    tasks = {"t": LUCKY, "g1": LUCKY, "g2": (LUCKY[0], []), "g3": (LUCKY[0], [])}
    one_left = compared(tmp_path / "some", tasks, group, group)
    assert [row.task for row in one_left.headlines] == ["t", "g1"]
    assert one_left.tests == 4


@pytest.mark.parametrize("decision", ["within", "higher"])
def test_a_task_that_was_decided_early_stays_one_of_the_tests(tmp_path: Path, decision: str) -> None:
    """Else the last of several would be judged at a level of its own: the more are gone, the easier."""
    whole = [i % 3 == 0 for i in range(541)]
    block = early_stop(decision, -0.02 if decision == "within" else 0.02, 0.02 if decision == "within" else 0.4)
    runs = [
        write_run(
            tmp_path / "base",
            {"ifeval": ifeval(whole), "t": accuracy(LUCKY[0])},
            block={"plan": {"backend": "hf"}, "fingerprint": "base-1"},
        ),
        write_run(tmp_path / "fine-tuned" / "1", {"ifeval": ifeval(whole[:60]), "t": accuracy(LUCKY[1])}, block=block),
    ]
    found = compare_runs(*map(read_run, runs))
    row = headline(found)
    assert found.headlines[0].early is not None
    assert found.tests == 2
    assert row.difference is not None
    assert row.difference.p_holm == pytest.approx(2 * 5 * row.difference.p)


def test_a_task_that_is_not_comparable_stays_one_of_the_tests(tmp_path: Path) -> None:
    found = compared(tmp_path, {"t": LUCKY, "u": (LUCKY[0], LUCKY[1][:100])})
    other = headline(found, "u").verdict
    assert other is not None
    assert other.kind is Kind.NOT_COMPARABLE
    assert headline(found).difference is not None
    assert headline(found).difference.p_holm == pytest.approx(2 * headline(found).difference.p)  # type: ignore[union-attr]


@pytest.mark.parametrize("watched_first", [True, False])
def test_looks_are_paid_for_whichever_side_took_them(tmp_path: Path, watched_first: bool) -> None:
    blocks: tuple[Any, Any] = (WATCHED, {}) if watched_first else ({}, WATCHED)
    found = compared(tmp_path, {"t": LUCKY}, *blocks)
    row = headline(found)
    assert found.watched
    assert row.level_of_interval == 0.99
    assert row.verdict is not None
    assert row.verdict.kind is Kind.NO_DIFFERENCE
    (check,) = gate(found, max_loss=3).checks
    assert "99 % sure" in check.reason


outcomes = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=8, max_size=120)


@given(
    st.dictionaries(st.sampled_from(["t", "u", "v"]), outcomes, min_size=1),
    st.sampled_from([({}, {}), (WATCHED, {}), ({}, WATCHED)]),
    st.tuples(st.integers(0, 4), st.integers(0, 4)),
)
@settings(max_examples=40, deadline=None)
def test_the_order_of_the_two_runs_changes_nothing_but_the_sign(
    tasks: dict[str, list[tuple[bool, bool]]], blocks: tuple[Any, Any], lost: tuple[int, int]
) -> None:
    """Whichever of them was watched, and whatever samples one of them lost."""
    with tempfile.TemporaryDirectory() as folder:
        runs = []
        for i in (0, 1):
            right = {
                name: accuracy(
                    [pair[i] for pair in pairs][lost[i] :],
                    documents=[f"document {number}" for number in range(lost[i], len(pairs))],
                )
                for name, pairs in tasks.items()
            }
            runs.append(read_run(write_run(Path(folder) / str(i), right, block=blocks[i])))
        there, back = compare_runs(runs[0], runs[1]), compare_runs(runs[1], runs[0])
    assert (there.tests, there.watched) == (back.tests, back.watched)
    assert {row.task for row in there.headlines} == {row.task for row in back.headlines}
    for row in there.headlines:
        other = headline(back, row.task)
        assert row.verdict is not None
        assert other.verdict is not None
        assert row.verdict.kind.is_gain == other.verdict.kind.is_loss
        assert row.verdict.kind.is_loss == other.verdict.kind.is_gain
        assert (row.verdict.kind is Kind.NOT_COMPARABLE) == (other.verdict.kind is Kind.NOT_COMPARABLE)
        if row.difference is None or other.difference is None:
            assert row.difference is other.difference
            continue
        assert row.difference.alpha == other.difference.alpha
        assert row.difference.value == pytest.approx(-other.difference.value)
        assert row.difference.p == pytest.approx(other.difference.p)
        assert row.difference.p_holm == pytest.approx(other.difference.p_holm)
        assert row.interval == (other.interval.mirrored() if other.interval else None)


@pytest.mark.parametrize("block", [{}, WATCHED])
def test_what_would_show_is_said_for_one_of_all_the_tests(tmp_path: Path, block: dict[str, Any]) -> None:
    """A difference that the smallest of four corrected p-values must show is larger than that of a task alone."""
    alone = headline(compared(tmp_path / "alone", {"t": LUCKY}, second=block)).difference
    four = headline(compared(tmp_path / "four", dict.fromkeys("tuvw", LUCKY), second=block)).difference
    assert alone is not None
    assert four is not None
    level = 0.01 if block else 0.05
    assert alone.alpha == four.alpha == level
    assert alone.interval == four.interval, "an interval is of its own task"
    changing = (30 + 14 + 1) / (four.n + 2)
    assert alone.detectable == detectable_share(four.n, changing, level)
    assert four.detectable == detectable_share(four.n, changing, level / 4)
