"""Plain lines: one for each thing worth knowing."""

from __future__ import annotations

import os
import time
from itertools import pairwise
from pathlib import Path

import pytest

from benchtui.displays.display import open_display
from benchtui.displays.narrator import MOST_LOG_LINES, Narrator
from benchtui.reports.wording.glyphs import UNICODE
from benchtui.runs import events as ev
from benchtui.runs.directory import RunDirectory
from benchtui.runs.follow.state import RunFollower
from tests.run_stories import Story, finish, launch, make_bench, make_run


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


class Told:
    """Everything a narrator says about a run, taken in event by event."""

    def __init__(self, run: RunDirectory) -> None:
        self._follower = RunFollower(run)
        self._narrator = Narrator(UNICODE)

    def lines(self) -> list[str]:
        view = self._follower.update()
        return [line.worded() for line in self._narrator.tell(view, self._follower.new)]


def test_the_course_of_a_run(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    launch(run)
    told = Told(run)
    story = Story(run).start().load()
    lines = told.lines()
    story.whole_task("ifeval", 0.42)
    lines += told.lines()
    for task in ("mmlu_anatomy", "mmlu_virology", "mmlu_astronomy"):
        story.whole_task(task, 0.5)
        lines += told.lines()
    story.end()
    lines += told.lines()
    assert (
        lines
        == """\
18:40:01 starting (importing lm-eval and PyTorch)
18:40:03 loading tasks and their data
18:40:06 loading the model (meta-llama/Llama-3.2-1B)
18:40:10 device cuda:0 (one NVIDIA GPU)
18:40:10 dtype bfloat16 (the device has it)
18:40:10 batch 16 (3.4 GB free)
18:40:10 5 tasks, 2,260 samples
18:40:10 building prompts for ifeval
18:40:10 evaluating ifeval
18:41:10 ifeval: prompt_level_strict_acc 42.0% ± 2.1 n=541 (took 1min)
18:41:10 building prompts for mmlu (3 tasks)
18:41:11 evaluating mmlu (3 tasks)
18:43:11 mmlu 300/400 (75%), 3.0/s, 33s left, acc 50.0% ± 2.9 n=300
18:44:12 mmlu: acc 50.0% ± 2.5 n=400, average of 3 tasks
18:44:12 results written: lm-eval/results_x.json
18:44:12 finished after 4min 12s""".splitlines()
    )


def test_progress_at_most_every_ten_seconds_and_at_least_every_minute(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    launch(run)
    told = Told(run)
    story = Story(run).start().load().open_task("gsm8k")
    told.lines()
    times = []
    for done in range(1, 300):  # a third of a document a second, then a sprint
        story.progress("gsm8k", done, after=3)
        times += [story.t for line in told.lines() if "/1319" in line]
    gaps = [later - sooner for sooner, later in pairwise(times)]
    assert gaps
    assert set(gaps) == {60.0}
    sprint = []
    for done in range(300, 1319, 3):
        story.progress("gsm8k", done, after=0.5)
        sprint += [story.t for line in told.lines() if "/1319" in line]
    gaps = [later - sooner for sooner, later in pairwise(sprint)]
    assert min(gaps) >= 10
    assert max(gaps) < 60


def test_a_progress_line(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    launch(run)
    told = Told(run)
    story = Story(run).start().load().open_task("gsm8k").progress("gsm8k", 2)
    told.lines()
    for done in (100, 200):
        story.score("gsm8k", 0.4, done).progress("gsm8k", done, after=50)
    assert told.lines()[-1] == "18:41:51 gsm8k 200/1319 (15%), 2.0/s, 9min 20s left, exact_match 40.0% ± 3.5 n=200"


def test_the_watchdog_warnings_and_the_end(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    launch(run)
    told = Told(run)
    story = Story(run).start().load().open_task("ifeval")
    told.lines()
    documents = [ev.InFlightDocument(12, "Write a \x1b[31mhaiku"), ev.InFlightDocument(14, "")]
    story.tell(ev.InFlight(task="ifeval", documents=documents))
    story.tell(ev.Watchdog(state="quiet", silent=60, remaining=1740), after=60)
    story.tell(ev.Watchdog(state="waiting", silent=90, remaining=1710), after=30)
    story.tell(ev.Warned(message="Gave up on ifeval sample 12", next_step="Resume asks it again"), after=1)
    story.tell(ev.WorkerEnded(exit_code=-15, reason="timed out", detail="signal SIGTERM"))
    story.tell(
        ev.WorkerStarted(pid=2, attempt=2), ev.Log(level="warning", message="noise"), ev.Log(level="info", message="i")
    )
    story.tell(ev.Failed(message="No more", next_step="Do this"), ev.Done(status="failed", message="No more"))
    assert [line[9:] for line in told.lines()] == [
        "no sign of life for 1min; ending the worker in 29min unless it moves",
        "working on ifeval sample 12 (Write a haiku), 14",
        "no sign of life for 1min 30s; ending the worker in 28min 30s unless it moves",
        "warning: Gave up on ifeval sample 12 → Resume asks it again",
        "worker ended: timed out (signal SIGTERM)",
        "worker started again, for the 2nd time",
        "warning: noise",
        "failed: No more → Do this",
        "failed after 1min 42s: No more",
    ]  # fmt: skip


def test_a_new_worker_does_not_tell_whole_tasks_again(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    told = Told(run)
    story = Story(run).start().load().whole_task("ifeval", 0.4)
    told.lines()
    story.tell(ev.WorkerEnded(exit_code=1, reason="out of memory")).start(attempt=2).load()
    story.open_task("ifeval", restored=541).score("ifeval", 0.4, 541, final=True).open_task("gsm8k")
    assert [line[9:] for line in told.lines() if "ifeval" in line or "gsm8k" in line] == [
        "building prompts for gsm8k",
        "evaluating gsm8k",
    ]


def test_a_chatty_library_is_cut_short(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    told = Told(run)
    Story(run).tell(*(ev.Log(level="warning", message=f"line {n}\nmore") for n in range(1000)))
    lines = told.lines()
    assert len(lines) == MOST_LOG_LINES + 1
    assert lines[-1].endswith("further messages are only in run/events.jsonl")


def shown(path: Path, runs: list[RunDirectory], mutate: object = None) -> list[str]:
    with path.open("w") as file:
        display = open_display(runs, stderr=file)
        display.start()
        display.refresh()
        if callable(mutate):
            mutate()
        display.note("A note")
        display.stop()
    return path.read_text().splitlines()


def test_a_file_gets_lines_with_the_run_in_front(tmp_path: Path) -> None:
    base, tuned = make_bench(tmp_path)

    def go_on() -> None:
        launch(base)
        Story(base).start().load().whole_task("ifeval", 0.3).end()
        Story(tuned).start()
        finish(base)

    lines = shown(tmp_path / "log", [base, tuned], go_on)
    assert "18:40:01 base: starting (importing lm-eval and PyTorch)" in lines
    assert "18:41:10 base: ifeval: prompt_level_strict_acc 30.0% ± 2.0 n=541 (took 1min)" in lines
    assert "18:40:03 fine-tuned: loading tasks and their data" in lines
    assert "A note" in lines


def test_what_went_before_is_summed_up(tmp_path: Path) -> None:
    base, tuned = make_bench(tmp_path)
    launch(base)
    launch(tuned)
    Story(base).start().load().whole_task("ifeval", 0.3).end()
    finish(base, t=1_795_200_071.0)
    Story(tuned).start().load().whole_task("ifeval", 0.4).open_task("gsm8k").progress("gsm8k", 100)
    assert shown(tmp_path / "log", [base, tuned])[:-1] == [
        "18:41:11 base: finished",
        "18:41:11 base: ifeval 541/541 prompt_level_strict_acc 30.0% ± 2.0 n=541",
        "18:41:12 fine-tuned: evaluating gsm8k, 2 of 5",
        "18:41:12 fine-tuned: ifeval 541/541 prompt_level_strict_acc 40.0% ± 2.1 n=541",
        "18:41:12 fine-tuned: gsm8k 100/1319 (7%), 100/s, 12s left",
    ]


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        display = open_display([run], stderr=stream)
        display.start()
        os.close(reading)
        story = Story(run).start().load()
        for task in ("ifeval", "gsm8k"):
            story.whole_task(task, 0.4)
            time.sleep(0.3)
            display.refresh()
            display.note("still here")
        display.stop()


def test_several_models_are_told_apart(tmp_path: Path) -> None:
    first, second = (make_bench(tmp_path, model)[1] for model in ("llama", "qwen"))

    def go_on() -> None:
        Story(first).start()
        Story(second).start()

    lines = shown(tmp_path / "log", [first, second], go_on)
    assert "18:40:03 llama fine-tuned: loading tasks and their data" in lines
    assert "18:40:03 qwen fine-tuned: loading tasks and their data" in lines


def test_models_that_come_and_go(tmp_path: Path) -> None:
    first, second = make_run(tmp_path / "a", model="alpha"), make_run(tmp_path / "b", model="beta")
    with (tmp_path / "err").open("w") as file:
        display = open_display((), stderr=file)
        display.start()
        display.add((first,), "alpha")
        Story(first).start()
        display.add((second,), "beta")
        Story(second).start()
        display.remove((first,))
        display.note("alpha: evaluated.")
        Story(first).load()
        display.refresh()
        display.stop()
    assert (tmp_path / "err").read_text().splitlines() == [
        "18:40:01 alpha: starting (importing lm-eval and PyTorch)",
        "18:40:03 alpha: loading tasks and their data",
        "alpha: evaluated.",
        "18:40:01 beta: starting (importing lm-eval and PyTorch)",
        "18:40:03 beta: loading tasks and their data",
    ]
