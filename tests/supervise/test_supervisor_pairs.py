"""What a supervisor makes of two runs that share a worker."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from benchtui.plans.plan import write_plan
from benchtui.runs import events as ev
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.benchmark.events import Progress
from benchtui.runs.records import run_state
from benchtui.supervise.control import Control
from benchtui.supervise.settings import SuperviseSettings
from tests.run_stories import make_run
from tests.runs.scripted import SCORE, Script, run, said, supervise, worker

__all__ = ["run", "worker"]


@pytest.fixture
def second(tmp_path: Path) -> RunDirectory:
    folder = tmp_path / "outputs" / "m" / "benchmarks" / "fine-tuned" / "2026-11-20T10-30-15"
    return make_run(folder, leaves={"arc": ("arc",)})


@pytest.fixture
def early(second: RunDirectory) -> RunDirectory:
    """The second, compared with the first until that is decided."""
    write_plan(second.plan_file, msgspec.structs.replace(second.plan(), decide_early=2.0))
    return second


def test_the_first_of_a_pair_is_done_while_the_second_goes_on(
    worker: Script, run: RunDirectory, second: RunDirectory
) -> None:
    worker.install("plan(run); results(run); plan(runs[1]); time.sleep(1); results(runs[1])")
    states = []

    def tick() -> None:
        states.append((run_state(run), run_state(second)))

    done = supervise(run, second, tick=tick)
    assert [record.status for record in done] == ["finished", "finished"]
    assert ("finished", "running") in states


def test_a_pair_whose_first_fails_goes_on_with_the_second(
    worker: Script, run: RunDirectory, second: RunDirectory
) -> None:
    worker.install(
        SCORE,
        """
        plan(run)
        if "base" in str(run.path):
            answer(run, 1)
            sys.exit(1)
        results(run)
        """,
    )
    done = supervise(run, second)
    assert [record.status for record in done] == ["failed", "finished"]
    assert worker.calls == ["ask", "score", "ask"]


def test_what_is_partial_of_a_pair_is_not_done_again_when_the_second_is_struck(
    worker: Script, run: RunDirectory, second: RunDirectory
) -> None:
    worker.install(
        """
        if "base" in str(run.path):
            plan(run); answer(run, 1); results(run, partial=True)
            run = runs[1]
        plan(run); answer(run, 1)
        if attempt == 1:
            InHandWriter(run.in_hand).take("arc", 2, "Which", "scoring its answer")
            time.sleep(1000)
        results(run, partial=True)
        """
    )
    done = supervise(run, second, settings=SuperviseSettings(timeout=1.0, skip_stalled=True, grace=0.2))
    assert [record.status for record in done] == ["partial", "partial"]
    started = [event.attempt for event in said(run, ev.WorkerStarted) if isinstance(event, ev.WorkerStarted)]
    assert started == [1], "the base was left alone"


def test_a_pair_whose_weights_cannot_be_loaded_is_not_tried_twice(
    worker: Script, run: RunDirectory, second: RunDirectory
) -> None:
    worker.install("say(run, ev.Failed(message='cut short', reason='bad input')); sys.exit(1)")
    done = supervise(run, second)
    assert [record.status for record in done] == ["failed", "failed"]
    assert worker.calls == ["ask"]


def test_a_directory_that_is_deleted_is_left_alone(worker: Script, run: RunDirectory, second: RunDirectory) -> None:
    worker.install(
        """
        if "base" in str(run.path):
            plan(run); answer(run, 1)
            time.sleep(1000)
        plan(run); results(run)
        """
    )

    def tick() -> None:
        if run.journal.exists():
            shutil.rmtree(run.path, ignore_errors=True)

    done = supervise(run, second, settings=SuperviseSettings(), tick=tick)
    assert [record.status for record in done] == ["failed", "finished"]
    assert "deleted" in done[0].message
    assert not run.plan_file.exists(), "nothing is made anew in its place"


def test_two_side_by_side_end_together_and_the_one_at_work_is_named(
    worker: Script, run: RunDirectory, early: RunDirectory
) -> None:
    worker.install(
        SCORE,
        """
        plan(run); plan(runs[1]); answer(run, 1, 2); answer(runs[1], 1)
        InHandWriter(runs[1].in_hand).take("arc", 7, "Which", "scoring its answer")
        time.sleep(1000)
        """,
    )
    done = supervise(run, early)
    assert [record.status for record in done] == ["timed out", "timed out"]
    assert all("sample 7" in record.message for record in done)
    assert all(record.results for record in done), "both are scored over what was answered"
    assert worker.calls == ["ask", "score", "score"]
    assert [record.answered for record in done] == [2, 1]


def test_two_side_by_side_go_on_without_a_stalled_document(
    worker: Script, run: RunDirectory, early: RunDirectory
) -> None:
    worker.install(
        """
        plan(run); plan(runs[1]); answer(runs[1], 1); answer(run, 1)
        if attempt == 1:
            InHandWriter(run.in_hand).take("arc", 2, "Which", "building its prompt")
            time.sleep(1000)
        results(run); results(runs[1])
        """
    )
    done = supervise(run, early, settings=SuperviseSettings(timeout=1.0, skip_stalled=True, grace=0.2))
    assert [record.status for record in done] == ["finished", "finished"]
    assert worker.calls == ["ask", "ask"]


def test_two_side_by_side_that_are_stopped_are_both_cancelled(
    worker: Script, run: RunDirectory, early: RunDirectory
) -> None:
    worker.install(
        """
        def stop(*_):
            results(runs[0], partial=True); results(runs[1], partial=True)
            os._exit(143)
        signal.signal(signal.SIGTERM, stop)
        plan(run); plan(runs[1]); answer(run, 1); answer(runs[1], 1)
        time.sleep(1000)
        """
    )
    control = Control()

    def tick() -> None:
        control.stop_requested |= len(said(early, Progress)) > 0

    done = supervise(run, early, control=control, tick=tick)
    assert [record.status for record in done] == ["cancelled", "cancelled"]
    assert all(record.results for record in done)


def test_two_side_by_side_of_which_one_is_struck_while_it_writes(
    worker: Script, run: RunDirectory, early: RunDirectory
) -> None:
    worker.install(
        SCORE,
        """
        plan(run); plan(runs[1]); answer(run, 1); answer(runs[1], 1)
        say(run, ev.Results(file="results_x.json", early=True))
        sys.exit(1)
        """,
    )
    done = supervise(run, early)
    assert [(record.status, record.early) for record in done] == [("finished", True), ("failed", False)]
    assert worker.calls == ["ask", "score"]


def test_two_side_by_side_stopped_while_the_first_ends_are_each_told_how(
    worker: Script, run: RunDirectory, early: RunDirectory
) -> None:
    """The base's last batch makes it whole; the other has something to score, and was not over."""
    worker.install(
        SCORE,
        """
        def stop(*_):
            results(runs[0])
            time.sleep(1000)
        signal.signal(signal.SIGTERM, stop)
        plan(run); plan(runs[1]); answer(runs[1], 1); answer(run, 1)
        time.sleep(1000)
        """,
    )
    control = Control()

    def tick() -> None:
        control.stop_requested |= len(said(run, Progress)) > 0

    done = supervise(run, early, control=control, tick=tick)
    assert [record.status for record in done] == ["finished", "cancelled"]
    assert done[1].message == "Stopped by the user. 1 of 10 answered."
    assert done[1].results, "its answer is scored"


def test_of_two_side_by_side_nothing_goes_on_when_one_is_deleted(
    worker: Script, run: RunDirectory, early: RunDirectory
) -> None:
    worker.install(SCORE, "plan(run); plan(runs[1]); answer(runs[1], 1); answer(run, 1); time.sleep(1000)")

    def tick() -> None:
        if run.journal.exists() and early.journal.exists():
            shutil.rmtree(early.path, ignore_errors=True)

    done = supervise(run, early, settings=SuperviseSettings(), tick=tick)
    assert [record.status for record in done] == ["failed", "failed"]
    assert "were deleted" in done[0].message
    assert done[0].results
    assert worker.calls == ["ask", "score"], "no base is evaluated to its end for nobody"
