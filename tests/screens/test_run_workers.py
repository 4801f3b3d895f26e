"""The run page of a run with several workers: their tab is there only for those, and the newest answers are of all."""

from __future__ import annotations

from pathlib import Path

import msgspec
from textual.widgets import TabbedContent

from benchtui.runs.events import EventWriter
from benchtui.runs.journal.journal import Journal, RequestKey
from benchtui.runs.journal.newest import newest_answers
from screens.run.workers import WorkerRows
from tests.screens.conftest import MODEL, NOW, Open, press, settle
from tests.screens.test_pictures import half_done
from tests.worker_stories import EIGHT, TWO, workers


async def test_the_tab_of_the_workers_comes_with_them_and_follows_what_they_do(open_app: Open, models: Path) -> None:
    run = half_done(models / MODEL / "benchmarks")
    app = open_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        app.open_runs([run])
        await pilot.pause(0.6)
        await press(pilot, "w")
        tabs = app.screen.query_one(TabbedContent)
        assert tabs.active == "log"
        assert "Workers" not in footer(app)
        writer = EventWriter(run.events)
        writer.emit(msgspec.structs.replace(workers(TWO), t=NOW))
        await pilot.pause(0.6)
        assert "Workers" in footer(app)
        await press(pilot, "w")
        await pilot.pause(0.3)
        assert tabs.active == "workers"
        rows = app.screen.query_one(WorkerRows)
        assert [cell.plain for cell in rows._cells(1)] == [
            "▸ Worker 2 of 2",
            "evaluating gsm8k",
            "156",
            "2.1/s",
            "twice",
            "",
        ]
        writer.emit(msgspec.structs.replace(workers(EIGHT), t=NOW))
        await pilot.pause(0.6)
        assert rows.count == 8
        writer.close()


def footer(app) -> list[str]:  # type: ignore[no-untyped-def]
    return [active.binding.description for active in app.screen.active_bindings.values() if active.enabled]


def test_the_newest_answers_are_those_of_all_workers(models: Path) -> None:
    run = half_done(models / MODEL / "benchmarks")
    run.journal.unlink(missing_ok=True)
    for shard, doc_id in ((0, 3), (1, 9), (0, 4)):
        files = run.files_of(shard)
        files.folder.mkdir(parents=True, exist_ok=True)
        with Journal(files.journal) as journal:
            journal.record(RequestKey("demo_instructions", doc_id, 0), "digest", f"{doc_id}")
    assert [(answer.doc_id, answer.answer) for answer in newest_answers(run)] == [(4, "4"), (9, "9"), (3, "3")]
