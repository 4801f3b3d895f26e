"""What a supervisor makes of two runs that share a worker."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchtui.runs import events as ev
from benchtui.runs.directory import RunDirectory
from benchtui.runs.records import run_state
from benchtui.runs.supervisor import SuperviseSettings
from tests.run_stories import make_run
from tests.runs.scripted import SCORE, Script, run, said, supervise, worker

__all__ = ["run", "worker"]


@pytest.fixture
def second(tmp_path: Path) -> RunDirectory:
    folder = tmp_path / "outputs" / "m" / "benchmarks" / "fine-tuned" / "2026-11-20T10-30-15"
    return make_run(folder, leaves={"arc": ("arc",)})


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
