"""Groups of tasks as a user meets them: what is shown for these tasks, what for new ones, what of a single one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchtui.compare.columns import group_columns
from benchtui.compare.compare import compare_runs
from benchtui.compare.differences.difference import chance_of_no_less, chance_of_no_more
from benchtui.compare.records import Comparison, Kind, Row
from benchtui.compare.summary import write_summary
from benchtui.compare.verdicts.gate import gate
from benchtui.evidence.matched_pairs import matched_interval, mcnemar
from benchtui.evidence.shares import wilson
from benchtui.reports.exports import comparison_json
from benchtui.reports.html import comparison_html
from benchtui.reports.markdown import comparison_markdown
from benchtui.reports.scores import score_populations, score_sides
from benchtui.reports.tables import plain_table
from benchtui.results.read import read_run
from tests.synthetic import Task, write_run


def compared(folder: Path, changes: list[tuple[int, int]], size: int = 100, *, lost: int = 0) -> Comparison:
    """A group of tasks of `size` documents with so many (fixed, broken) each; the second run lacks `lost` answers."""
    sides = []
    for side in ("base", "fine-tuned"):
        tasks = {}
        for number, (fixed, broken) in enumerate(changes):
            right = [0.0] * fixed + [1.0] * (size - fixed)
            if side == "fine-tuned":
                right = [1.0] * fixed + [0.0] * broken + [1.0] * (size - fixed - broken)
                right = right[: size - lost]
            documents = [f"{number}/{i}" for i in range(len(right))]
            tasks[f"t{number}"] = Task({("acc", "none"): right}, documents=documents, total=size)
        sides.append(read_run(write_run(folder / side, tasks, groups={"all": list(tasks)})))
    return compare_runs(*sides)


def group(comparison: Comparison) -> Row:
    return next(row for row in comparison.rows if row.task == "all")


def test_difference_and_score_of_a_group_are_about_its_own_tasks(tmp_path: Path) -> None:
    found = compared(tmp_path, [(20, 0), (12, 3), (0, 9), (15, 0)] * 4)
    row = group(found)
    assert row.difference is not None
    assert row.difference.p == mcnemar(188, 48)
    assert row.difference.interval == matched_interval(188, 48, 1_600)
    assert row.population == "these 16 tasks, other samples of them"
    assert row.first.interval == wilson(1_600 - 188, 1_600)
    parts = [row for row in found.rows if row.task != "all"]
    assert {row.population for row in parts} == {"other samples of this kind"}


def test_a_gain_of_a_few_subjects_is_shown_for_these_and_not_for_new_ones(tmp_path: Path) -> None:
    """Two of ten subjects gained much, the others nothing: no word on subjects that were not asked."""
    found = compared(tmp_path, [(30, 0), (25, 0), *[(4, 5), (5, 4)] * 4])
    row = group(found)
    assert row.verdict is not None
    assert row.new_tasks is not None
    assert row.verdict.kind.is_gain
    assert row.new_tasks.p > 0.05
    assert row.new_tasks.value == pytest.approx(row.change)
    assert "Shown for these 10 tasks; for new tasks inconclusive (+5.5 points, 95 % CI" in row.verdict.sentence


def test_a_gain_in_nearly_every_subject_is_shown_for_new_ones_as_well(tmp_path: Path) -> None:
    found = compared(tmp_path, [(10, 2), (9, 1), (12, 3), (8, 3), (11, 4), (13, 2), (9, 3), (10, 1)])
    row = group(found)
    assert row.verdict is not None
    assert row.new_tasks is not None
    assert row.new_tasks.interval is not None
    assert row.new_tasks.interval.low > 0
    assert row.new_tasks.p == pytest.approx(2 / 2**8)
    assert "new tasks" not in row.verdict.sentence
    assert chance_of_no_more(row.new_tasks, 0.0) == pytest.approx(1 / 2**8)
    assert chance_of_no_less(row.new_tasks, 0.0) == 1.0


def test_of_too_few_tasks_nothing_is_said_of_others(tmp_path: Path) -> None:
    found = compared(tmp_path, [(30, 0), (25, 0), (20, 1)])
    row = group(found)
    assert row.new_tasks is None
    assert row.verdict is not None
    assert "Shown for these 3 tasks, which are too few to speak of new ones." in row.verdict.sentence
    assert "too few tasks to speak of others" in comparison_markdown(found)


def test_benchmark_json_tells_what_the_intervals_are_about_and_of_new_tasks(tmp_path: Path) -> None:
    folder = tmp_path / "benchmarks"
    found = compared(folder, [(30, 0), (25, 0), *[(4, 5), (5, 4)] * 4])
    (folder / "fine-tuned").rename(tmp_path / "run")
    (folder / "fine-tuned").mkdir()
    (tmp_path / "run").rename(folder / "fine-tuned" / "run")
    entry = json.loads(write_summary(tmp_path).path.read_text())["comparison"]["all"]
    row = group(found)
    assert row.new_tasks is not None
    assert row.new_tasks.interval is not None
    assert (entry["population"], entry["tasks"]) == ("these 10 tasks, other samples of them", 10)
    new = [entry[f"new_tasks_{name}"] for name in ("difference", "low", "high", "p", "p_holm")]
    interval = row.new_tasks.interval
    assert new == [row.new_tasks.value, interval.low, interval.high, row.new_tasks.p, row.new_tasks.p_holm]
    assert (entry["shrunk"], entry["shrunk_low"], entry["shrunk_high"]) == (None, None, None), (
        "it is no task of a group"
    )
    parts = {row.task: group_columns(row) for row in found.rows if row.level == "part"}
    low, value, high = (parts["t0"][name] for name in ("shrunk_low", "shrunk", "shrunk_high"))
    assert low is not None
    assert value is not None
    assert high is not None
    assert low < value < high
    assert 0.055 < value < 0.3, "between the mean of all and its own change"
    assert parts["t0"]["new_tasks_difference"] is None


def test_new_tasks_are_corrected_for_every_task_that_was_asked(tmp_path: Path) -> None:
    alone = compared(tmp_path, [(10, 1)] * 8)
    assert group(alone).new_tasks is not None
    rows = [dict(row) for row in json.loads(comparison_json(alone))["rows"]]
    assert rows[0]["new_tasks_p"] == pytest.approx(2 / 2**8)
    assert rows[0]["new_tasks_p_holm"] == pytest.approx(alone.tests * 2 / 2**8)
    assert rows[0]["population"] == "these 8 tasks, other samples of them"


def test_missing_answers_are_counted_at_their_worst_for_new_tasks_too(tmp_path: Path) -> None:
    whole = group(compared(tmp_path / "whole", [(10, 2)] * 8)).new_tasks
    lacking = group(compared(tmp_path / "lacking", [(10, 2)] * 8, lost=2)).new_tasks
    assert whole is not None
    assert lacking is not None
    assert whole.interval is not None
    assert lacking.interval is not None
    assert lacking.interval.low == pytest.approx(whole.interval.low - 0.02)
    assert lacking.missing == 16


def test_a_subject_s_luck_is_drawn_to_its_neighbours(tmp_path: Path) -> None:
    found = compared(tmp_path, [(24, 4), *[(5, 5), (6, 5), (5, 6)] * 4])
    lucky = next(row for row in found.rows if row.task == "t0")
    assert lucky.change == pytest.approx(0.20)
    assert lucky.shrunk is not None
    assert 0.0 < lucky.shrunk.value < 0.18
    assert lucky.shrunk.interval.high < lucky.difference.interval.high  # type: ignore[union-attr]
    rows = {row["task"]: row for row in json.loads(comparison_json(found))["rows"]}
    assert rows["t0"]["shrunk"] == lucky.shrunk.value
    assert rows["all"]["shrunk"] is None
    assert "Partially pooled" in comparison_html(found)


def test_every_report_says_what_its_intervals_are_about(tmp_path: Path) -> None:
    found = compared(tmp_path, [(10, 2)] * 8)
    for report in (comparison_markdown(found), comparison_html(found), " ".join(plain_table(found).split())):
        assert "Intervals and verdicts are about these 8 tasks, other samples of them" in report
    for report in (comparison_markdown(found), comparison_html(found)):
        assert "New tasks of this kind: +8.0 points (95 % CI" in report


def test_a_plain_mean_of_unequal_tasks_has_a_score_and_a_difference_of_its_own_kind(tmp_path: Path) -> None:
    sizes, runs = {"small": 20, "large": 400}, []
    for name, gain in (("a", 0), ("b", 8)):
        tasks = {t: Task({("acc", "none"): [float(i < n // 2 + gain) for i in range(n)]}) for t, n in sizes.items()}
        folder = write_run(tmp_path / name, tasks, groups={"all": list(sizes)})
        (file,) = (folder / "lm-eval").glob("results_*")
        content = json.loads(file.read_text())
        mean = float(np.mean([np.mean(task.values["acc", "none"]) for task in tasks.values()]))
        for place in ("results", "groups"):
            if "all" in content[place]:
                content[place]["all"]["acc,none"] = mean
        file.write_text(json.dumps(content))
        runs.append(read_run(folder))
    row = group(compare_runs(*runs))
    assert row.difference is not None
    assert row.difference.value == pytest.approx((8 / 20 + 8 / 400) / 2)
    assert row.first.interval is not None
    assert row.first.stderr == pytest.approx(np.sqrt(0.25 / 20 + 0.25 / 400) / 2, rel=0.05)
    assert row.first.interval.low < 0.5 - row.first.stderr * 1.9
    assert row.verdict is not None
    assert row.verdict.kind is not Kind.NOT_COMPARABLE


def test_a_run_by_itself_says_what_its_group_s_interval_is_about(tmp_path: Path) -> None:
    tasks = {f"t{i}": Task({("acc", "none"): [float(k < 10 * i) for k in range(40)]}) for i in range(1, 4)}
    results = read_run(write_run(tmp_path, tasks, groups={"all": list(tasks)}))
    ((_, shown),) = score_sides(results)
    assert shown.interval == wilson(60, 120)
    assert score_populations(results) == "Intervals are about these 3 tasks, other samples of them."


def test_the_gate_says_what_its_bounds_are_about(tmp_path: Path) -> None:
    found = gate(compared(tmp_path, [(10, 2)] * 8), max_loss=3)
    assert {check.population for check in found.checks} == {"these 8 tasks, other samples of them"}
    assert found.about == "Bounds are about these 8 tasks, other samples of them."
