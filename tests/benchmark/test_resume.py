"""Going on with a run: only what is unfinished, only with what it was started with."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from benchtui.benchmark.directories import BenchRuns
from benchtui.benchmark.resume_benchmark import runs_to_resume
from benchtui.errors import BenchtuiError
from benchtui.plans.plan import Permissions, write_plan
from benchtui.runs.directory import RunDirectory
from benchtui.runs.known import model_folder
from benchtui.runs.records import LaunchRecord, this_process, write_record
from tests.runs.laid_out import Laid, answer, end

NOTHING = Permissions()


def resumed(laid: Laid, run: RunDirectory, allowed: Permissions = NOTHING) -> BenchRuns:
    return runs_to_resume(run, allowed, [laid.tasks])


def test_both_of_a_pair_go_on_from_either(laid: Laid) -> None:
    runs = laid.lay_out()
    assert runs.base is not None
    end(runs.base, "cancelled")
    end(runs.fine_tuned, None)
    for start in (runs.base, runs.fine_tuned):
        found = resumed(laid, start)
        assert found.to_evaluate == (runs.base, runs.fine_tuned)
        assert not found.reused
    assert runs.base.plan().bench_id == runs.fine_tuned.plan().bench_id


def test_a_base_that_is_done_is_not_touched(laid: Laid) -> None:
    runs = laid.lay_out()
    assert runs.base is not None
    end(runs.base, "finished")
    end(runs.fine_tuned, "timed out")
    before = runs.base.plan_file.read_bytes()
    found = resumed(laid, runs.fine_tuned)
    assert found.reused
    assert found.to_evaluate == (runs.fine_tuned,)
    assert runs.base.plan_file.read_bytes() == before


def test_a_base_that_died_alone_goes_on_however_often(laid: Laid) -> None:
    """Its fine-tuned run has finished, so that each resume starts the base by itself, under another id."""
    runs = laid.lay_out()
    assert runs.base is not None
    end(runs.fine_tuned, "finished")
    for _ in range(3):
        end(runs.base, None)
        found = resumed(laid, runs.base)
        assert found.to_evaluate == (runs.base,)
        assert found.fine_tuned == runs.fine_tuned


def test_a_base_that_stopped_early_goes_on_with_what_is_compared_with_it(laid: Laid) -> None:
    runs = laid.lay_out(decide_early=2.0)
    assert runs.base is not None
    end(runs.base, "finished", early=True)
    end(runs.fine_tuned, None)
    found = resumed(laid, runs.fine_tuned)
    assert found.to_evaluate == (runs.base, runs.fine_tuned)
    end(runs.fine_tuned, "finished", early=True)
    with pytest.raises(BenchtuiError, match="nothing to resume"):
        resumed(laid, runs.base)


def test_a_base_that_did_not_finish_is_told_where_to_stop(laid: Laid) -> None:
    """By the other, which answers from its journal: alone the base would be asked everything."""
    runs = laid.lay_out(decide_early=2.0)
    assert runs.base is not None
    end(runs.base, "failed")
    end(runs.fine_tuned, "finished", early=True)
    for start in (runs.base, runs.fine_tuned):
        assert resumed(laid, start).to_evaluate == (runs.base, runs.fine_tuned)


def test_a_decided_run_has_nothing_to_do_with_what_became_of_its_base(laid: Laid) -> None:
    """Another run went on with the base and was stopped: what it asked is no random part any more."""
    runs = laid.lay_out(decide_early=2.0)
    assert runs.base is not None
    end(runs.fine_tuned, "finished", early=True)
    end(runs.base, "cancelled")
    runs.base.lm_eval.mkdir(exist_ok=True)
    (runs.base.lm_eval / "results_2026-11-20T10-30-15.json").write_text("{}")
    with pytest.raises(BenchtuiError, match="nothing to resume"):
        resumed(laid, runs.fine_tuned)


def test_a_run_whose_base_is_gone_says_what_brings_it_back(laid: Laid) -> None:
    runs = laid.lay_out()
    assert runs.base is not None
    end(runs.fine_tuned, "failed")
    shutil.rmtree(runs.base.path)
    with pytest.raises(BenchtuiError, match="base, is gone") as raised:
        resumed(laid, runs.fine_tuned)
    assert "benchtui run" in raised.value.next_step


def test_what_has_finished_is_refused(laid: Laid) -> None:
    runs = laid.lay_out()
    assert runs.base is not None
    for run in (runs.base, runs.fine_tuned):
        end(run, "finished")
    with pytest.raises(BenchtuiError, match="nothing to resume"):
        resumed(laid, runs.fine_tuned)


def test_what_is_running_is_refused(laid: Laid) -> None:
    runs = laid.lay_out()
    write_record(runs.fine_tuned.launch, LaunchRecord(this_process(), 0.0, "bench"))
    with pytest.raises(BenchtuiError, match="is running") as caught:
        resumed(laid, runs.fine_tuned)
    assert "benchtui attach" in caught.value.next_step


def flip_a_weight(laid: Laid) -> None:
    raw = bytearray(laid.weights.read_bytes())
    raw[-1] ^= 1
    laid.weights.write_bytes(raw)


def edit_the_task(laid: Laid) -> None:
    file = laid.tasks / "first.yaml"
    file.write_text(file.read_text().replace("doc_to_target: 0", "doc_to_target: 1"))


def edit_the_data(laid: Laid) -> None:
    (laid.tasks / "questions.jsonl").write_text('{"question": "Which one?"}\n')


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (flip_a_weight, "model content"),
        (edit_the_task, "laid_first task file"),
        (edit_the_data, "laid_first task file"),
    ],
)
def test_whatever_can_change_a_score_is_refused_and_named(laid: Laid, change: object, named: str) -> None:
    runs = laid.lay_out()
    assert runs.base is not None
    for run in (runs.base, runs.fine_tuned):
        answer(run, 1, 2)
        end(run, "cancelled")
    before = [run.plan_file.read_bytes() for run in (runs.base, runs.fine_tuned)]
    change(laid)  # type: ignore[operator]
    with pytest.raises(BenchtuiError) as caught:
        resumed(laid, runs.fine_tuned)
    assert named in caught.value.what
    assert "--no-resume" in caught.value.next_step
    assert [run.plan_file.read_bytes() for run in (runs.base, runs.fine_tuned)] == before, "refused, nothing is touched"


def test_another_lm_eval_is_named(laid: Laid) -> None:
    runs = laid.lay_out()
    end(runs.fine_tuned, None)
    plan = runs.fine_tuned.plan()
    write_plan(runs.fine_tuned.plan_file, msgspec.structs.replace(plan, lm_eval_version="0.4.9"))
    with pytest.raises(BenchtuiError, match=r"lm-eval: '0\.4\.9' there"):
        resumed(laid, runs.fine_tuned)


def test_what_a_run_was_allowed_is_asked_anew(laid: Laid) -> None:
    runs = laid.lay_out(permissions=Permissions(pickle=True))
    end(runs.fine_tuned, None)
    with pytest.raises(BenchtuiError, match="--allow-pickle"):
        resumed(laid, runs.fine_tuned)
    assert resumed(laid, runs.fine_tuned, Permissions(pickle=True)).to_evaluate


def test_a_run_somewhere_else_belongs_to_no_model(tmp_path: Path) -> None:
    with pytest.raises(BenchtuiError, match="not inside a model's"):
        model_folder(RunDirectory(tmp_path / "somewhere"))
