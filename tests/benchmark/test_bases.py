"""A base run that was evaluated for another model: copied where it fits, and nothing but the run itself."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from benchtui.benchmark.directories import BenchRuns
from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal.journal import answered_requests
from benchtui.runs.records import run_state
from tests.runs.laid_out import Laid, answer, end


@pytest.fixture
def laid(tmp_path: Path) -> Laid:
    """Beside the model `tuned` another one, whose base run is finished."""
    laid = Laid(tmp_path)
    shutil.copytree(laid.outputs / "tuned", laid.outputs / "other")
    base = laid.lay_out(model="other").base
    assert base is not None
    answer(base, 0, 1)
    base.lm_eval.mkdir()
    end(base, "finished")
    return laid


def theirs(laid: Laid) -> RunDirectory:
    return RunDirectory(laid.outputs / "other" / "benchmarks" / "base")


def beside(laid: Laid, **changes: object) -> BenchRuns:
    return laid.lay_out(neighbours=[laid.outputs / "other"], **changes)  # type: ignore[arg-type]


def test_it_is_copied_and_says_where_it_comes_from(laid: Laid) -> None:
    theirs(laid).cancel.write_text("asked")
    runs = beside(laid)
    assert runs.base is not None
    assert (runs.reused, runs.copied_from) == (True, "other/base")
    assert runs.to_evaluate == (runs.fine_tuned,)
    assert run_state(runs.base) == "finished"
    assert runs.base.plan().model_name == "tuned"
    assert runs.base.plan().fingerprint == theirs(laid).plan().fingerprint
    assert answered_requests(runs.base.journal) == 2
    assert "other/base" in runs.base.copied_from.read_text()
    assert not runs.base.cancel.exists()
    assert {place.name for place in runs.base.path.iterdir()} == {"run", "lm-eval"}
    assert not laid.lay_out().copied_from, "from then on it is the model's own"


@pytest.mark.parametrize("changes", [{"num_fewshot": 3}, {"limit": 1.0}, {"rerun_base": True, "neighbours": ()}])
def test_one_that_differs_or_was_not_asked_for_is_not(laid: Laid, changes: dict[str, object]) -> None:
    runs = laid.lay_out(**{"neighbours": [laid.outputs / "other"], **changes})  # type: ignore[arg-type]
    assert (runs.reused, runs.copied_from) == (False, "")


@pytest.mark.parametrize("status", [None, "partial", "cancelled"])
def test_one_that_is_not_whole_is_not(laid: Laid, status: str | None) -> None:
    end(theirs(laid), status)  # type: ignore[arg-type]
    assert not beside(laid).reused


@pytest.mark.parametrize("kind", ["link", "hard link", "pipe", "linked folder"])
def test_what_leads_elsewhere_is_not_copied(laid: Laid, tmp_path: Path, kind: str) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("not part of any run")
    planted = theirs(laid).lm_eval / "samples_x.jsonl"
    if kind == "link":
        planted.symlink_to(secret)
    elif kind == "hard link":
        os.link(secret, planted)
    elif kind == "pipe":
        os.mkfifo(planted)
    else:
        theirs(laid).lm_eval.rename(tmp_path / "elsewhere")
        theirs(laid).lm_eval.symlink_to(tmp_path / "elsewhere")
    runs = beside(laid)
    assert not runs.reused
    assert runs.base is not None
    assert {place.name for place in runs.base.path.iterdir()} == {"run"}


def test_an_earlier_base_of_its_own_is_kept(laid: Laid) -> None:
    own = laid.lay_out(num_fewshot=3).base
    assert own is not None
    end(own, "finished")
    runs = beside(laid)
    assert runs.copied_from == "other/base"
    assert runs.set_aside is not None
    assert {task.num_fewshot for task in runs.set_aside.plan().tasks} == {3}
