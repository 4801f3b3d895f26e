"""A run that asks again what a watched one asked is judged as that one: its answers were looked at."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from benchtui.compare.compare import compare_runs
from benchtui.compare.records import Comparison, Kind
from benchtui.plans.plan import write_plan
from benchtui.results.read import read_run
from benchtui.runs.directory import RunDirectory
from tests.compare.test_verdicts import flipped
from tests.runs.laid_out import Laid, answer, end
from tests.synthetic import Task, write_run

FIRST, SECOND = flipped(30, 14, 100, 100)  # p = 0.023


@pytest.fixture
def laid(tmp_path: Path) -> Laid:
    return Laid(tmp_path)


def evaluated(
    laid: Laid, *, decide_early: float | None = None, resume: bool = False, **changes: object
) -> RunDirectory:
    """A run with its base, as if both had been evaluated."""
    runs = laid.lay_out(resume=lambda _: resume, decide_early=decide_early, **changes)
    for run, right in ((runs.base, FIRST), (runs.fine_tuned, SECOND)):
        assert run is not None
        if not run.lm_eval.is_dir():
            plan = run.plan()
            planned = plan.score_settings() | ({"decide early": plan.decide_early} if plan.decide_early else {})
            block = {"plan": planned, "fingerprint": plan.fingerprint, "looked_at": plan.looked_at}
            write_run(run.path, {"laid_first": Task({("acc", "none"): right})}, block=block)
            answer(run, 1)
            end(run, "finished")
    return runs.fine_tuned


def compared(laid: Laid, run: RunDirectory) -> Comparison:
    return compare_runs(read_run(laid.outputs / "tuned" / "benchmarks" / "base"), read_run(run))


def judged_strictly(found: Comparison) -> bool:
    (row,) = (row for row in found.headlines if row.task == "laid_first")
    assert row.verdict is not None
    assert found.watched == (row.verdict.kind is Kind.NO_DIFFERENCE) == (row.level_of_interval == 0.99)
    return found.watched


def test_without_the_flag_it_is_judged_as_with_it(laid: Laid) -> None:
    watched = evaluated(laid, decide_early=2.0)
    again = evaluated(laid)
    assert again.plan().looked_at == (watched.path.name,)
    found = compared(laid, again)
    assert judged_strictly(compared(laid, watched))
    assert judged_strictly(found)
    assert any(f"looked at before, in {watched.path.name} (--decide-early)" in words for words in found.warnings)
    (row,) = (row for row in found.headlines if row.task == "laid_first")
    assert "which a second run of what might have stopped early" in row.verdict.sentence  # type: ignore[union-attr]


def test_a_run_that_nobody_looked_at_before_is_judged_at_five_per_cent(laid: Laid) -> None:
    assert not judged_strictly(compared(laid, evaluated(laid)))


@pytest.mark.parametrize("change", [{"limit": 0.5}, {"more": {"engine": "lm-eval"}}, {"tasks": ("laid_first",)}])
def test_a_part_of_it_or_the_same_by_other_arithmetic_is_no_fresh_evidence(
    laid: Laid, change: dict[str, object]
) -> None:
    evaluated(laid, decide_early=2.0)
    assert evaluated(laid, rerun_base=True, **change).plan().looked_at


def test_changed_weights_other_questions_and_other_tasks_are(laid: Laid) -> None:
    evaluated(laid, decide_early=2.0, tasks=("laid_first",))
    assert not evaluated(laid, tasks=("laid_second",), rerun_base=True).plan().looked_at
    assert not evaluated(laid, num_fewshot=0, tasks=("laid_first",), rerun_base=True).plan().looked_at
    with laid.weights.open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    trained_again = evaluated(laid, tasks=("laid_first",))
    assert not trained_again.plan().looked_at
    assert not judged_strictly(compared(laid, trained_again))


def test_a_watched_run_that_was_never_asked_anything_looked_at_nothing(laid: Laid) -> None:
    laid.lay_out(decide_early=2.0)
    assert not evaluated(laid).plan().looked_at


def test_it_is_known_when_the_watched_run_is_gone_and_where_the_results_lie_alone(laid: Laid, tmp_path: Path) -> None:
    watched = evaluated(laid, decide_early=2.0)
    again = evaluated(laid)
    shutil.rmtree(watched.path)
    assert judged_strictly(compared(laid, again))
    third = evaluated(laid)
    assert third.plan().looked_at == (watched.path.name,), "the second one still knows"
    shutil.copytree(again.lm_eval, tmp_path / "elsewhere")
    alone = compare_runs(read_run(laid.outputs / "tuned" / "benchmarks" / "base"), read_run(tmp_path / "elsewhere"))
    assert judged_strictly(alone)


def test_runs_of_before_it_was_noted_are_known_by_their_neighbours(laid: Laid) -> None:
    evaluated(laid, decide_early=2.0)
    again = evaluated(laid)
    write_plan(again.plan_file, msgspec.structs.replace(again.plan(), looked_at=None))
    file = max(again.lm_eval.glob("results_*.json"))
    content = json.loads(file.read_text())
    del content["benchtui"]["looked_at"]
    file.write_text(json.dumps(content))
    assert judged_strictly(compared(laid, again))


def test_a_run_that_is_resumed_after_the_looks_pays_for_them(laid: Laid) -> None:
    interrupted = laid.lay_out().fine_tuned
    answer(interrupted, 1)
    end(interrupted, None)
    watched = evaluated(laid, decide_early=2.0)
    resumed = laid.lay_out(resume=lambda _: True).fine_tuned
    assert resumed == interrupted
    assert resumed.plan().looked_at == (watched.path.name,)
