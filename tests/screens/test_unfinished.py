"""Runs that were stopped, timed out or died: seen on Home, in preview and history, and resumed from there."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from benchtui.plans.choice import Choice
from benchtui.plans.plan import write_plan
from benchtui.runs.directory import RunDirectory
from benchtui.runs.records import DoneRecord, LaunchRecord, Process, Status, this_process, write_record
from tests.screens.conftest import MODEL, NOW, Open, press, settle, shown
from tests.screens.test_pictures import half_done

STATES: list[Status | None] = ["cancelled", "timed out", "failed", None]


def unfinished(models: Path, status: Status | None, **documents: int) -> RunDirectory:
    """A fine-tuned run, newer than the finished ones, whose supervisor is gone; None for one that died."""
    run = half_done(models / MODEL / "benchmarks")
    plan = msgspec.structs.replace(run.plan(), role="fine-tuned", model_name=MODEL, bench_id="unfinished")
    write_plan(run.plan_file, plan)
    me = this_process()
    write_record(run.launch, LaunchRecord(Process(me.pid, me.started - 60, me.host, me.boot), NOW - 600, "unfinished"))
    if status is not None:
        write_record(run.done, DoneRecord(status, "", NOW - 300, **documents))
    return run


@pytest.fixture
def resumed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[RunDirectory, Choice]]:
    """What was asked to be resumed; nothing is started."""
    calls: list[tuple[RunDirectory, Choice]] = []

    def resume(run: RunDirectory, choice: Choice) -> Sequence[RunDirectory]:
        calls.append((run, choice))
        return [run]

    monkeypatch.setattr("screens.run.resuming.resume", resume)
    return calls


@pytest.mark.parametrize("status", STATES)
async def test_it_stays_on_home_and_r_resumes_it(
    open_app: Open, models: Path, resumed: list[tuple[RunDirectory, Choice]], status: Status | None
) -> None:
    run = unfinished(models, status, documents=8, documents_total=392)
    app = open_app()
    async with app.run_test(size=(100, 34)) as pilot:
        await settle(pilot)
        screen = shown(pilot)
        state = status or "died"
        assert "Not finished: r resumes" in screen
        assert f"Not finished: {state}" in screen, "beside what is known of the model"
        if status is not None:
            assert f"{state}, 8 of 392 answered" in screen
        app.screen.query_one("#running-rows").focus()
        await press(pilot, "enter")
        await pilot.pause(0.3)
        assert "› Run ›" in shown(pilot)
        await press(pilot, "escape")
        app.screen.query_one("#running-rows").focus()
        await press(pilot, "r")
        assert [place.path.resolve() for place, _ in resumed] == [run.path.resolve()]


async def test_one_that_a_later_run_replaced_is_in_the_history_only(open_app: Open, models: Path) -> None:
    run = unfinished(models, "cancelled")
    earlier = run.path.with_name("2026-11-01T00-00-00")
    run.path.rename(earlier)
    me = this_process()
    write_record(
        RunDirectory(earlier).launch, LaunchRecord(Process(me.pid, 0.0, me.host, "x"), NOW - 90 * 86400, "unfinished")
    )
    async with open_app().run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        assert "Not finished" not in shown(pilot)
        await press(pilot, "h")
        assert "cancelled" in shown(pilot)


@pytest.mark.parametrize("status", STATES)
async def test_it_is_in_the_history_with_its_state(
    open_app: Open, models: Path, resumed: list[tuple[RunDirectory, Choice]], status: Status | None
) -> None:
    run = unfinished(models, status, documents=8, documents_total=392)
    async with open_app().run_test(size=(120, 34)) as pilot:
        await settle(pilot)
        await press(pilot, "h")
        screen = shown(pilot)
        assert (status or "died") in screen
        assert "r Resume" in screen
        await press(pilot, "r")
        assert [place.path.resolve() for place, _ in resumed] == [run.path.resolve()]


async def test_a_folder_that_cannot_be_read_is_in_the_history_with_what_is_wrong(open_app: Open, models: Path) -> None:
    run = unfinished(models, "cancelled")
    run.plan_file.write_text("{")
    async with open_app().run_test(size=(140, 34)) as pilot:
        await settle(pilot)
        await press(pilot, "h")
        assert "run/plan.json cannot be" in shown(pilot)


@pytest.mark.parametrize("answer", ["y", "n"])
async def test_code_of_its_own_tasks_is_asked_for_first(
    open_app: Open, models: Path, resumed: list[tuple[RunDirectory, Choice]], tmp_path: Path, answer: str
) -> None:
    run = unfinished(models, "cancelled")
    tasks = tmp_path / "my tasks"
    tasks.mkdir()
    files = {name: str(tasks / f"{name}.yaml") for name in run.plan().task_files}
    write_plan(run.plan_file, msgspec.structs.replace(run.plan(), include_paths=(str(tasks),), task_files=files))
    app = open_app()
    async with app.run_test(size=(100, 34)) as pilot:
        await settle(pilot)
        app.screen.query_one("#running-rows").focus()
        await press(pilot, "r")
        assert "Run the code of these tasks?" in shown(pilot)
        assert "mytasks" in re.sub(r"[\s│]", "", shown(pilot)), "the folder, wherever its lines break"
        assert not resumed
        await press(pilot, answer)
        given = [choice.include_paths for _, choice in resumed]
        assert given == ([(tasks,)] if answer == "y" else [])


async def test_given_folders_are_not_asked_for_again(
    open_app: Open, models: Path, resumed: list[tuple[RunDirectory, Choice]], tmp_path: Path
) -> None:
    run = unfinished(models, "cancelled")
    tasks = tmp_path / "tasks"
    files = {name: str(tasks / f"{name}.yaml") for name in run.plan().task_files}
    write_plan(run.plan_file, msgspec.structs.replace(run.plan(), include_paths=(str(tasks),), task_files=files))
    app = open_app(Choice(outputs=models, include_paths=(tasks,)))
    async with app.run_test(size=(100, 34)) as pilot:
        await settle(pilot)
        app.screen.query_one("#running-rows").focus()
        await press(pilot, "r")
        assert [choice.include_paths for _, choice in resumed] == [(tasks,)]


async def test_thousands_that_ended_are_read_once(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchtui.runs import unfinished as module

    run = unfinished(models, "cancelled")
    reads: list[str] = []
    listed = module.list_run
    monkeypatch.setattr(module, "list_run", lambda known: reads.append(known.name) or listed(known))
    reader = module.OpenRunsReader()
    first = reader.read(models)
    assert [Path(found.path).name for found in first.unfinished] == [run.path.name]
    seen = len(reads)
    assert reader.read(models) == first
    assert len(reads) == seen
    shutil.rmtree(run.path)
    assert reader.read(models).unfinished == ()
