"""Samples that were asked and lost: a verdict only where it holds whatever their answers had been."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchtui.compare.compare import compare_runs
from benchtui.compare.records import Comparison, Kind, Row
from benchtui.compare.verdicts.gate import gate
from benchtui.results.read import read_run
from tests.compare.test_verdicts import flipped
from tests.synthetic import Task, write_run


def lost(right: list[Any], gone: list[int], metric: str = "acc", **settings: Any) -> tuple[Task, dict[str, Any]]:
    """A task without these documents, and the block of a run that was asked them too."""
    kept = [i for i in range(len(right)) if i not in set(gone)]
    task = Task(
        {(metric, "none"): [right[i] for i in kept]},
        documents=[f"document {i}" for i in kept],
        total=len(right),
        **settings,
    )
    documents = {"done": len(kept), "total": len(right), "unanswered": gone}
    return task, {"partial": bool(gone), "documents": {"t": documents}} if gone else {}


def compared(folder: Path, first: tuple[Task, dict[str, Any]], second: tuple[Task, dict[str, Any]]) -> Comparison:
    base = read_run(write_run(folder / "base", {"t": first[0]}, block=first[1]))
    return compare_runs(base, read_run(write_run(folder / "fine-tuned" / "1", {"t": second[0]}, block=second[1])))


def row_of(found: Comparison) -> Row:
    (row,) = found.headlines
    assert row.verdict is not None
    return row


def sentence(row: Row) -> str:
    assert row.verdict is not None
    return row.verdict.sentence


def test_right_answers_that_the_tuned_model_lost_are_counted(tmp_path: Path) -> None:
    """27 of 541 that the base got right: over the others +3.5 and p = 0.008, with them it may be a loss."""
    first, second = flipped(30, 12, 300, 199)
    gone = list(range(42, 69))
    row = row_of(compared(tmp_path, lost(first, []), lost(second, gone)))
    found = row.difference
    assert found is not None
    assert (found.n, found.missing) == (514, 27)
    assert found.value == pytest.approx(18 / 541), "that of the pairs, 18 of 514, is more than can be"
    assert [each.value for each in found.completions] == pytest.approx([-9 / 541, 18 / 541])
    assert found.completions[1].p < 0.01, "what the pairs alone would show"
    assert row.verdict is not None
    assert row.verdict.kind is Kind.NO_DIFFERENCE
    assert (
        "27 samples are missing: whatever they had been, the change over all is somewhere in −1.7 to 3.3 points."
        in (sentence(row))
    )
    (check,) = gate(compared(tmp_path / "again", lost(first, []), lost(second, gone)), max_loss=3).checks
    assert check.outcome.value == "inconclusive"


def test_a_gain_that_holds_whatever_is_missing_is_one(tmp_path: Path) -> None:
    first, second = flipped(90, 20, 250, 181)
    row = row_of(compared(tmp_path, lost(first, [200]), lost(second, [0, 400])))
    assert row.verdict is not None
    assert row.verdict.kind.is_gain
    assert (
        "3 samples are missing: whatever they had been, the change over all is 12.8 to 13.3 points and still shown."
        in (sentence(row))
    )


def test_a_run_stopped_by_hand_when_it_looked_good_shows_nothing(tmp_path: Path) -> None:
    """Both answered the same 520 of 541, so that nothing seems unpaired."""
    first, second = flipped(30, 14, 290, 207)
    gone = list(range(520, 541))
    row = row_of(compared(tmp_path, lost(first, gone), lost(second, gone)))
    found = row.difference
    assert found is not None
    assert (row.pairing.neither, found.missing, row.paired_on) == (21, 21, None)
    assert [each.value for each in found.completions] == pytest.approx([(16 - 21) / 541, (16 + 21) / 541])
    assert row.verdict is not None
    assert row.verdict.kind is Kind.NO_DIFFERENCE


def test_a_run_stopped_long_before_its_end_is_not_comparable(tmp_path: Path) -> None:
    first, second = flipped(60, 5, 200, 276)
    gone = list(range(300, 541))
    row = row_of(compared(tmp_path, lost(first, gone), lost(second, gone)))
    assert row.verdict is not None
    assert row.verdict.kind is Kind.NOT_COMPARABLE
    assert "241 of 541 samples were answered in neither run, more than 5%" in sentence(row)
    assert "241 samples are missing: whatever they had been" in sentence(row)
    assert row.difference is not None
    assert row.difference.p == 1.0, "a p-value of the pairs alone is that of a moment somebody chose"


def test_documents_left_out_on_purpose_by_both_are_not_missing(tmp_path: Path) -> None:
    first, second = flipped(30, 12, 30, 28)
    block = {"documents": {"t": {"done": 100, "total": 100}}}
    sides = [(Task({("acc", "none"): right}, total=541), block) for right in (first, second)]
    row = row_of(compared(tmp_path, sides[0], sides[1]))
    assert row.difference is not None
    assert row.difference.missing == 0
    assert row.verdict is not None
    assert row.verdict.kind.is_gain


def test_another_prompt_is_no_answer_to_the_same_question(tmp_path: Path) -> None:
    first, second = flipped(14, 3, 60, 23)
    runs = [
        write_run(tmp_path / side, {"t": Task({("acc", "none"): right})})
        for side, right in (("base", first), ("fine-tuned/1", second))
    ]
    assert row_of(compare_runs(*map(read_run, runs))).verdict.kind.is_gain  # type: ignore[union-attr]
    (file,) = (runs[1] / "lm-eval").glob("samples_*")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line in lines[40:44]:
        line["prompt_hash"] = "of another prompt"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    row = row_of(compare_runs(*map(read_run, runs)))
    assert row.difference is not None
    assert [each.value for each in row.difference.completions] == pytest.approx([0.07, 0.15])
    assert row.verdict is not None
    assert row.verdict.kind is Kind.NO_DIFFERENCE


def test_a_score_without_ends_cannot_lack_samples(tmp_path: Path) -> None:
    """BLEU of a sentence goes to 100, the loss of a token anywhere."""
    values = [3.0 + i % 7 for i in range(240)]
    better = [value + 1 + i % 2 for i, value in enumerate(values)]
    whole = row_of(compared(tmp_path / "whole", lost(values, [], "nll_loss"), lost(better, [], "nll_loss")))
    assert whole.verdict is not None
    assert whole.verdict.kind is Kind.BETTER
    row = row_of(compared(tmp_path / "lost", lost(values, [], "nll_loss"), lost(better, [99], "nll_loss")))
    assert row.verdict is not None
    assert row.verdict.kind is Kind.NOT_COMPARABLE
    assert "1 sample is missing, and what they would have made of a score without ends is not known" in sentence(row)


def test_shares_between_0_and_1_have_ends(tmp_path: Path) -> None:
    values = [(i % 5) / 5 for i in range(200)]
    better = [min(value + 0.2, 1.0) for value in values]
    row = row_of(compared(tmp_path, lost(values, [], "f1"), lost(better, [3], "f1")))
    assert row.difference is not None
    value = values[3]
    apart = row.difference.completions[1].value - row.difference.completions[0].value
    assert apart == pytest.approx(1 / 200)
    assert row.difference.completions[0].value == pytest.approx((0.2 * 199 - value) / 200)
    assert row.verdict is not None
    assert row.verdict.kind.is_gain


def test_what_a_task_lost_is_lost_to_its_group(tmp_path: Path) -> None:
    """Of two tasks the small one lost five right answers; in the group they weigh as much as others."""
    first, second = flipped(8, 3, 40, 149)
    other = flipped(0, 0, 50, 50)
    tasks = [{"t": lost(first, [])[0], "u": Task({("acc", "none"): other[0]})} for _ in range(2)]
    task, block = lost(second, [11, 12, 13, 14, 15])
    tasks[1] = {"t": task, "u": Task({("acc", "none"): other[1]})}
    runs = [
        read_run(write_run(tmp_path / name, sides, groups={"g": ["t", "u"]}, block=made))
        for name, sides, made in (("base", tasks[0], None), ("fine-tuned/1", tasks[1], block))
    ]
    row = row_of(compare_runs(*runs))
    assert row.task == "g"
    assert row.difference is not None
    assert (row.difference.n, row.difference.missing) == (295, 5)
    assert [each.value for each in row.difference.completions] == pytest.approx([0.0, 5 / 300])
