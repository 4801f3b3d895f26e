"""Runs with several workers, in the live table and in plain lines."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from benchtui.displays.frame import draw
from benchtui.displays.narrator import Narrator
from benchtui.reports.wording.glyphs import ASCII, UNICODE
from benchtui.runs import events as ev
from benchtui.runs.directory import RunDirectory
from benchtui.runs.follow.state import RunFollower
from benchtui.runs.kinds.benchmark.events import Planned, PlannedTask, Scores
from benchtui.runs.live_score import LiveScore
from benchtui.runs.workers import WorkerNow
from tests.run_stories import Story, launch, make_run
from tests.worker_stories import EIGHT, TWO, workers


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def evaluating(folder: Path, *extra: ev.Event) -> RunDirectory:
    run = make_run(folder, leaves={"ifeval": ("ifeval",), "gsm8k": ("gsm8k",)})
    launch(run)
    story = Story(run).start().load({"ifeval": 541, "gsm8k": 1319}).whole_task("ifeval", 0.42).open_task("gsm8k")
    story.progress("gsm8k", 100).tokens(2000).tokens(2000).progress("gsm8k", 336, after=50).tell(*extra)
    return run


def text(run: RunDirectory, width: int, height: int, glyphs=UNICODE) -> list[str]:  # type: ignore[no-untyped-def]
    view = RunFollower(run).catch_up()
    lines = draw([view], width=width, height=height, glyphs=glyphs, now=(view.last_sign or 0) + 1, hint="Ctrl+C")
    assert len(lines) < height
    return [line.plain.rstrip() for line in lines]


def test_eight_workers_have_a_line_each_where_there_is_room(tmp_path: Path) -> None:
    lines = text(evaluating(tmp_path, workers(EIGHT)), 100, 24)
    assert "\n".join(lines[6:14]) == (
        "  ▸ Worker 1 of 8  evaluating gsm8k                   42 samples  2.4/s  GPU 0\n"
        "  ▸ Worker 2 of 8  evaluating gsm8k                   44 samples  2.6/s  GPU 1\n"
        "  ✗ Worker 3 of 8  failed                             12 samples         started 3 times, GPU 2\n"
        "  ▸ Worker 4 of 8  evaluating gsm8k                   45 samples  2.5/s  GPU 3\n"
        "  ▲ Worker 5 of 8  no sign of life for 1min 30s        9 samples         GPU 4\n"
        "  ▸ Worker 6 of 8  loading the model                  40 samples         started twice, GPU 5\n"
        "  · Worker 7 of 8  waiting for the others             61 samples         GPU 6\n"
        "  ▸ Worker 8 of 8  building prompts for mmlu_anatomy  83 samples         GPU 7"
    )


def test_in_a_small_terminal_the_workers_are_one_line_and_the_tasks_stay(tmp_path: Path) -> None:
    lines = text(evaluating(tmp_path, workers(EIGHT)), 80, 12)
    assert not any("Worker 1 of 8" in line for line in lines)
    assert any(line.startswith("  ▸ gsm8k") for line in lines)
    words = "8 workers: 1 failed, 1 silent, 3 evaluating, 1 waiting"
    assert any(words in line for line in lines)


def test_one_worker_is_shown_as_before(tmp_path: Path) -> None:
    assert not any("orker" in line for line in text(evaluating(tmp_path), 100, 30))


def test_of_a_thousand_workers_those_worth_showing_and_how_many_more(tmp_path: Path) -> None:
    lines = text(evaluating(tmp_path, workers(TWO, 1000)), 100, 30)
    assert any("Worker 1 of 1,000" in line for line in lines)
    assert "    … and 998 more" in lines
    assert any("1,000 workers: 1,000 evaluating" in line for line in lines)


def test_hostile_words_of_an_event_neither_steer_the_terminal_nor_fill_it(tmp_path: Path) -> None:
    hostile = WorkerNow(10**30, "evaluating", "\x1b[2J[red]" + "x" * 5000, 10**30, rate=float("inf"), where="\x07" * 99)
    counts = {"evaluating": -5, "\x1b[31mowned": 3}
    event = ev.Workers(total=-1, counts=counts, workers=[hostile] * 500)
    for glyphs in (UNICODE, ASCII):
        lines = text(evaluating(tmp_path / glyphs.done, event), 100, 30, glyphs)
        assert not any("\x1b" in line or "\x07" in line or "owned" in line for line in lines)
        assert all(len(line) <= 100 for line in lines)


class Told:
    """Everything a narrator says about a run."""

    def __init__(self, run: RunDirectory) -> None:
        self._follower = RunFollower(run)
        self._narrator = Narrator(UNICODE)

    def lines(self) -> list[str]:
        view = self._follower.update()
        return [line.text for line in self._narrator.tell(view, self._follower.new)]


def test_workers_are_told_once_and_each_that_has_no_more_to_do(tmp_path: Path) -> None:
    run = make_run(tmp_path, leaves={"gsm8k": ("gsm8k",)})
    launch(run)
    told, story = Told(run), Story(run).start()
    told.lines()
    first, second = (WorkerNow(number, "evaluating", "gsm8k", where=f"GPU {number}") for number in (0, 1))
    story.tell(workers((first, second)))
    assert told.lines() == ["2 workers (GPU 0, GPU 1)"]
    story.tell(workers((first, WorkerNow(1, "failed", documents=3, starts=3, where="GPU 1"))))
    assert told.lines() == ["worker 2 of 2: failed (3 samples, started 3 times, GPU 1)"]
    story.tell(workers((WorkerNow(0, "done", documents=1), WorkerNow(1, "failed", documents=3))))
    assert told.lines() == ["worker 1 of 2: done (1 sample)"]


def test_a_plan_is_told_once_by_however_many_and_what_a_run_answered_was_not_answered_before(tmp_path: Path) -> None:
    run = make_run(tmp_path, leaves={"gsm8k": ("gsm8k",)})
    launch(run)
    told, story = Told(run), Story(run).start()
    told.lines()

    def plan(answered: int) -> Planned:
        return Planned(tasks=[PlannedTask("gsm8k", 1319, 0, answered, "generate_until")])

    story.tell(plan(0), plan(0))
    assert told.lines() == ["1 task, 1,319 samples"]
    story.tell(plan(24))
    assert told.lines() == ["1 task, 1,319 samples; 24 requests were answered before"]
    story.tell(plan(24)).progress("gsm8k", 1319).tell(plan(1319))
    assert not [line for line in told.lines() if "samples" in line]


def test_how_long_a_task_took_ends_with_its_last_answer_where_all_tasks_are_scored_at_the_end(tmp_path: Path) -> None:
    run = make_run(tmp_path, leaves={"gsm8k": ("gsm8k",)})
    launch(run)
    story = Story(run).start().load({"gsm8k": 100}).tell(workers(TWO)).open_task("gsm8k", 100)
    story.progress("gsm8k", 50, 100, after=10).progress("gsm8k", 100, 100, after=20)
    score = LiveScore("exact_match", "none", 0.5, 0.05, 100)
    story.tell(Scores(task="gsm8k", scores=[score], final=True), after=600)
    (row,) = RunFollower(run).catch_up().rows
    assert row.seconds == pytest.approx(30.5)
