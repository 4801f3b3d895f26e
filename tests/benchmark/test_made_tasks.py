"""Resuming a run on data of one's own: the task is trusted for its content, or made again from the same data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchtui.benchmark.directories import BenchRuns
from benchtui.benchmark.one_model import _notes
from benchtui.benchmark.resume_benchmark import runs_to_resume
from benchtui.errors import BenchtuiError
from benchtui.plans.plan import Permissions
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.benchmark.task_folders import own_task_folders
from tests.runs.laid_out import Laid, end

NOTHING = Permissions()


def write(file: Path, answer: str = "000") -> Path:
    rows = [{"question": f"What is {n}?", "answer": answer if n == 0 else f"{n:03}"} for n in range(6)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


@pytest.fixture
def file(laid: Laid) -> Path:
    return write(laid.folder / "mine.jsonl")


def unfinished(laid: Laid, file: Path) -> BenchRuns:
    runs = laid.lay_out(data=(str(file),), tasks=(), suite="none", include_paths=())
    assert runs.base is not None
    for run in (runs.base, runs.fine_tuned):
        end(run, None)
    return runs


def resumed(run: RunDirectory) -> RunDirectory:
    return runs_to_resume(run, NOTHING).fine_tuned


def test_it_needs_no_leave_and_no_data(laid: Laid, file: Path) -> None:
    run = unfinished(laid, file).fine_tuned
    before = run.plan()
    assert own_task_folders(before) == []
    assert before.data[0].source == str(file)
    file.unlink()
    now = resumed(run).plan()
    assert now.fingerprint == before.fingerprint
    assert now.include_paths == (str(laid.tasks),)


def test_its_task_is_made_again_from_the_same_data(laid: Laid, file: Path) -> None:
    run = unfinished(laid, file).fine_tuned
    before = run.plan()
    for made in (*laid.tasks.glob("*.parquet"), laid.tasks / "mine.yaml"):
        made.unlink()
        assert resumed(run).plan().task_digests == before.task_digests
        assert made.is_file()
    made = next(laid.tasks.glob("*.parquet"))
    made.unlink()
    write(file, answer="other")
    task = (laid.tasks / "mine.yaml").read_bytes()
    with pytest.raises(BenchtuiError, match="The data of mine changed since this run was begun") as refused:
        resumed(run)
    assert (laid.tasks / "mine.yaml").read_bytes() == task, "another run may be about to load it"
    assert str(file) in refused.value.what
    file.unlink()
    with pytest.raises(BenchtuiError, match="or are gone"):
        resumed(run)


def test_a_task_that_somebody_changed_is_code_of_theirs(laid: Laid, file: Path) -> None:
    run = unfinished(laid, file).fine_tuned
    task, plan = laid.tasks / "mine.yaml", run.plan_file.read_bytes()
    ours = task.read_text()
    (laid.tasks / "evil.py").write_text("def doc(document): return 'x'\n")
    for theirs in (
        ours.replace("doc_to_text: prompt", "doc_to_text: !function evil.doc"),
        ours.replace("dataset_path: parquet", "dataset_path: somebody/data"),
        ours + "include: other.yaml\n",
        ours.replace('task: "mine"', 'task: "other"'),
    ):
        assert theirs != ours
        task.write_text(theirs)
        with pytest.raises(BenchtuiError, match="not as it was made") as refused:
            resumed(run)
        assert "--include-path" in refused.value.next_step
        assert task.read_text() == theirs, "it is not written over"
        assert run.plan_file.read_bytes() == plan


def test_other_content_in_its_parquet_is_seen(laid: Laid, file: Path) -> None:
    run = unfinished(laid, file).fine_tuned
    (made,) = laid.tasks.glob("*.parquet")
    (other,) = (laid.prepared(data=(str(write(laid.folder / "other.jsonl", "evil")),), tasks=(), suite="none"),)
    assert other.fine_tuned.data[0].name == "other"
    shutil.copy(next(laid.tasks.glob("other-*.parquet")), made)
    file.unlink()
    with pytest.raises(BenchtuiError, match="or are gone"):
        resumed(run)


def test_a_project_that_was_moved_resumes(laid: Laid, file: Path, tmp_path: Path) -> None:
    run = unfinished(laid, file).fine_tuned
    before = run.plan()
    there = laid.folder.parent / "moved"
    shutil.copytree(laid.folder, there)
    try:
        # The models are named by absolute paths, so those stay where they were; tasks and data are those of the copy.
        for name in ("tasks", "mine.jsonl"):
            (laid.folder / name).rename(laid.folder / f"away-{name}")
        again = resumed(RunDirectory(there / run.path.relative_to(laid.folder))).plan()
        assert again.fingerprint == before.fingerprint
        assert again.task_files["mine"] == str(there / "tasks" / "mine.yaml")
        assert str(laid.folder) not in (there / "tasks" / "mine.yaml").read_text()
    finally:
        for name in ("tasks", "mine.jsonl"):
            (laid.folder / f"away-{name}").rename(laid.folder / name)
        shutil.rmtree(there)


def test_a_base_on_other_data_is_evaluated_again_and_that_is_said(laid: Laid, file: Path) -> None:
    def laid_out() -> BenchRuns:
        return laid.lay_out(data=(str(file),), tasks=(), suite="none", include_paths=())

    first = laid_out()
    assert first.base is not None
    end(first.base, "finished")
    end(first.fine_tuned, "finished")
    file.touch()
    assert laid_out().reused, "the same rows are the same data"
    write(file, answer="other")
    again = laid_out()
    assert not again.reused
    assert any("The data of mine changed since the base was evaluated" in line for line in _notes(again))


def test_a_plan_names_no_place_to_write_to(laid: Laid, file: Path) -> None:
    import msgspec

    from benchtui.plans.plan import write_plan

    run = unfinished(laid, file).fine_tuned
    plan = run.plan()
    evil = msgspec.structs.replace(plan.data[0], name="../../evil")
    write_plan(run.plan_file, msgspec.structs.replace(plan, data=(evil,)))
    with pytest.raises(BenchtuiError, match="without a name that files can have"):
        resumed(run)
    assert not list(laid.folder.rglob("evil*"))
