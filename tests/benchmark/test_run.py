"""Directories of a benchmark: what is reused, gone on with, set aside, and what the exit code says of it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from benchtui.benchmark.directories import BenchRuns, lock_model
from benchtui.benchmark.evaluate import BenchOutcome
from benchtui.errors import BenchtuiError, ExitCode
from benchtui.runs.directory import RunDirectory, base_runs, benchmarks_folder
from benchtui.runs.records import DoneRecord, Status
from tests.runs.laid_out import Laid, answer, end


def test_a_first_benchmark_has_both_runs_and_their_commands(laid: Laid) -> None:
    runs = laid.lay_out()
    assert runs.base is not None
    assert runs.to_evaluate == (runs.base, runs.fine_tuned)
    assert not runs.resumed
    assert runs.base.plan().bench_id == runs.fine_tuned.plan().bench_id
    assert runs.fine_tuned.plan().base_run == "base"
    assert runs.base.equivalent_command.read_text().startswith("#!/bin/sh")


def test_a_base_that_still_fits_is_reused_and_one_that_does_not_is_set_aside(laid: Laid) -> None:
    first = laid.lay_out()
    assert first.base is not None
    fingerprint = first.base.plan().fingerprint
    for run in first.to_evaluate:
        end(run, "finished")
    second = laid.lay_out()
    assert second.reused
    assert second.fine_tuned != first.fine_tuned
    assert second.to_evaluate == (second.fine_tuned,)
    fewer = laid.lay_out(tasks=("laid_first",))
    assert fewer.reused, "a base with more tasks stands for one with fewer"
    other = laid.lay_out(limit=1.0)
    assert not other.reused
    assert other.to_evaluate == (other.base, other.fine_tuned)
    (current, earlier) = base_runs(benchmarks_folder(laid.outputs / "tuned"))
    assert current == other.base
    assert earlier.plan().fingerprint == fingerprint
    assert earlier.lm_eval.is_dir()


def test_all_is_the_same_as_no_limit(laid: Laid) -> None:
    limited = laid.prepared(default_limit=1.0)
    assert {task.limit for task in limited.fine_tuned.tasks} == {1.0}
    whole = laid.prepared(default_limit=1.0, limit=math.inf)
    assert {task.limit for task in whole.fine_tuned.tasks} == {None}
    assert whole.fine_tuned.fingerprint == laid.prepared().fine_tuned.fingerprint


def test_a_rerun_of_the_base_keeps_the_earlier_one(laid: Laid) -> None:
    first = laid.lay_out()
    for run in first.to_evaluate:
        end(run, "finished")
    again = laid.lay_out(rerun_base=True)
    assert not again.reused
    assert len(base_runs(benchmarks_folder(laid.outputs / "tuned"))) == 2


@pytest.mark.parametrize("status", [None, "cancelled", "timed out", "partial", "failed"])
def test_an_unfinished_run_of_the_same_plan_goes_on(laid: Laid, status: Status | None) -> None:
    first = laid.lay_out()
    assert first.base is not None
    end(first.base, "finished")
    answer(first.fine_tuned, 1, 2, 3)
    end(first.fine_tuned, status)
    again = laid.lay_out()
    assert again.fine_tuned == first.fine_tuned
    assert again.resumed == (first.fine_tuned,)
    asked: list[RunDirectory] = []

    def refuse(run: RunDirectory) -> bool:
        asked.append(run)
        return False

    anew = laid.lay_out(resume=refuse)
    assert asked == [first.fine_tuned]
    assert anew.fine_tuned != first.fine_tuned
    assert first.fine_tuned.journal.exists(), "what it answered stays where it is"


def test_a_base_that_stopped_early_goes_on_for_whoever_needs_more_of_it(laid: Laid) -> None:
    early = laid.lay_out(decide_early=2.0)
    assert early.base is not None
    for run in early.to_evaluate:
        answer(run, 1, 2, 3)
        end(run, "finished", early=True)
    assert early.to_evaluate == (), "nothing more is needed for this comparison"
    for settings in ({}, {"decide_early": 2.0}):
        again = laid.lay_out(**settings)
        assert not again.reused
        assert again.fine_tuned != early.fine_tuned
        assert again.base == early.base
        assert again.resumed == (early.base,)
        assert again.to_evaluate == (again.base, again.fine_tuned)
    assert laid.lay_out(resume=lambda _: False).resumed == ()
    (_, kept) = base_runs(benchmarks_folder(laid.outputs / "tuned"))
    assert kept.journal.exists(), "what it answered is set aside, not lost"


def test_a_base_that_has_everything_is_reused_by_what_decides_early(laid: Laid) -> None:
    first = laid.lay_out()
    for run in first.to_evaluate:
        end(run, "finished")
    early = laid.lay_out(decide_early=2.0)
    assert early.reused
    assert early.to_evaluate == (early.fine_tuned,)


def test_a_run_that_answered_nothing_is_not_gone_on_with(laid: Laid) -> None:
    first = laid.lay_out()
    end(first.fine_tuned, "failed")
    assert laid.lay_out().fine_tuned != first.fine_tuned


def test_a_run_with_other_settings_is_not_gone_on_with(laid: Laid) -> None:
    first = laid.lay_out()
    answer(first.fine_tuned, 1)
    end(first.fine_tuned, "cancelled")
    assert laid.lay_out(num_fewshot=3).fine_tuned != first.fine_tuned


def test_a_damaged_plan_is_passed_over(laid: Laid) -> None:
    first = laid.lay_out()
    answer(first.fine_tuned, 1)
    end(first.fine_tuned, "cancelled")
    first.fine_tuned.plan_file.write_text("{")
    assert laid.lay_out().fine_tuned != first.fine_tuned


def test_a_finished_run_whose_results_were_cut_is_gone_on_with(laid: Laid) -> None:
    from benchtui.runs.records import read_done, write_record

    first = laid.lay_out()
    answer(first.fine_tuned, 1)
    end(first.fine_tuned, "finished")
    done = read_done(first.fine_tuned)
    assert done is not None
    (results,) = first.fine_tuned.lm_eval.iterdir()
    write_record(first.fine_tuned.done, DoneRecord("finished", "", done.t, results=results.name, results_bytes=2))
    assert laid.lay_out().fine_tuned != first.fine_tuned
    results.write_text("{")
    again = laid.lay_out()
    assert again.fine_tuned == first.fine_tuned
    assert again.to_evaluate[-1] == first.fine_tuned


@pytest.mark.parametrize(
    ("statuses", "results", "code"),
    [
        (["finished", "finished"], True, ExitCode.DONE),
        (["finished", "partial"], True, ExitCode.PARTIAL),
        (["timed out"], True, ExitCode.PARTIAL),
        (["failed"], False, ExitCode.FAILED),
        (["timed out"], False, ExitCode.FAILED),
        (["partial", "cancelled"], True, ExitCode.INTERRUPTED),
    ],
)
def test_exit_codes(tmp_path: Path, statuses: list[Status], results: bool, code: ExitCode) -> None:
    done = {
        tmp_path / str(number): DoneRecord(status, "", 0.0, results="results_x.json" if results else None)
        for number, status in enumerate(statuses)
    }
    assert BenchOutcome(BenchRuns(RunDirectory(tmp_path), None), done).exit_code == code


def test_one_benchmark_of_a_model_at_a_time(tmp_path: Path) -> None:
    with lock_model(tmp_path / "tuned", "tuned"), lock_model(tmp_path / "other", "other"), pytest.raises(BenchtuiError):
        lock_model(tmp_path / "tuned", "tuned")
    with lock_model(tmp_path / "tuned", "tuned"):
        pass
