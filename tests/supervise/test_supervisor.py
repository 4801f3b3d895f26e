"""What a supervisor makes of how a worker ends."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from benchtui.errors import BenchtuiError
from benchtui.runs import events as ev
from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import read_events
from benchtui.runs.records import read_done, read_launch
from benchtui.runs.worker_contract import NO_ROOM
from benchtui.supervise import endings, process, recovery, slot
from benchtui.supervise.settings import SuperviseSettings
from tests.runs.scripted import SCORE, Script, run, said, supervise, worker

__all__ = ["run", "worker"]


def test_finished(worker: Script, run: RunDirectory) -> None:
    worker.install("plan(run); answer(run, 1, 2, 3); results(run)")
    (done,) = supervise(run)
    assert done.status == "finished"
    assert done.answered == 3
    assert done.total == 10
    assert done.results == "results_x.json"
    assert done.results_bytes == 2
    assert read_done(run) == done
    launch = read_launch(run)
    assert launch is not None
    assert launch.supervisor.pid == os.getpid()
    assert isinstance(read_events(run.events)[-1], ev.Done)


def test_results_first_then_stuck_at_exit(worker: Script, run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot, "EXIT_PATIENCE", 0.3)
    worker.install("plan(run); results(run); time.sleep(1000)")
    (done,) = supervise(run, settings=SuperviseSettings())
    assert done.status == "finished"


def test_a_word_about_why_it_failed_is_passed_on_and_what_was_answered_is_scored(
    worker: Script, run: RunDirectory
) -> None:
    worker.install(
        SCORE,
        "plan(run); answer(run, 1); say(run, ev.Failed(message='No such file.', next_step='Make it.')); sys.exit(1)",
    )
    (done,) = supervise(run)
    assert done.status == "failed"
    assert done.message == "No such file. → Make it."
    assert done.results == "results_x.json"
    assert worker.calls == ["ask", "score"]


def test_gone_without_a_word(worker: Script, run: RunDirectory) -> None:
    worker.install(SCORE, "plan(run); answer(run, 1); os.kill(os.getpid(), signal.SIGSEGV)")
    (done,) = supervise(run)
    assert done.status == "failed"
    assert "signal SIGSEGV" in done.message
    (ended,) = said(run, ev.WorkerEnded)
    assert isinstance(ended, ev.WorkerEnded)
    assert ended.exit_code == -signal.SIGSEGV


def test_gone_where_memory_is_limited(worker: Script, run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that cannot allocate may abort, or crash: the limit is named, and the worker is not blamed."""
    monkeypatch.setattr(endings, "memory_limit", lambda: 256_000_000)
    worker.install("plan(run); os.kill(os.getpid(), signal.SIGSEGV)")
    (done,) = supervise(run)
    assert done.status == "failed"
    assert done.message.startswith("Memory ran out, as it seems: the worker ended (signal SIGSEGV) where `ulimit -v`")
    assert "256 MB" in done.message
    assert "without a word" not in done.message


def test_struck_after_its_last_answer_nothing_is_missing(worker: Script, run: RunDirectory) -> None:
    worker.install("plan(run); score_only and (results(run), sys.exit(0)); answer(run, 1); os.kill(os.getpid(), 9)")
    (done,) = supervise(run)
    assert done.status == "finished"


def test_nothing_answered_leaves_nothing_to_score(worker: Script, run: RunDirectory) -> None:
    worker.install("plan(run); sys.exit(1)")
    (done,) = supervise(run)
    assert done.status == "failed"
    assert done.results is None
    assert worker.calls == ["ask"]


def test_killed_for_memory_it_is_started_again_with_less(
    worker: Script, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    kills = iter(range(100))
    monkeypatch.setattr(process, "kernel_oom_kills", lambda: next(kills))
    worker.install("plan(run); share > 0.2 and os.kill(os.getpid(), 9); results(run)")
    (done,) = supervise(run)
    assert done.status == "finished"
    decisions = [event for event in said(run, ev.Decision) if isinstance(event, ev.Decision)]
    assert [decision.choice for decision in decisions] == [
        f"{share} of what was planned" for share in ("0.5", "0.25", "0.125")
    ]
    assert worker.calls == ["ask"] * 4


def test_killed_for_memory_with_one_sequence_at_a_time_it_is_over(
    worker: Script, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    kills = iter(range(100))
    monkeypatch.setattr(process, "kernel_oom_kills", lambda: next(kills))
    worker.install("plan(run); say(run, ev.Decision(what='batch size', choice='1', rows=1)); os.kill(os.getpid(), 9)")
    (done,) = supervise(run)
    assert done.status == "failed"
    assert "merged_4bit" in done.message
    assert worker.calls == ["ask"]


def test_a_full_disk_is_told_even_if_the_worker_could_not_write_it(worker: Script, run: RunDirectory) -> None:
    worker.install(f"plan(run); answer(run, 1); sys.exit({NO_ROOM})")
    (done,) = supervise(run)
    assert done.status == "failed"
    assert "full" in done.message
    assert "Free some space" in done.message
    assert worker.calls == ["ask"], "partial results would not fit either"


def test_a_scoring_that_fails_is_said_and_does_not_hide_what_came_before(worker: Script, run: RunDirectory) -> None:
    worker.install(
        """
        plan(run)
        if score_only:
            say(run, ev.Failed(message="the dataset is gone"))
            sys.exit(1)
        answer(run, 1)
        say(run, ev.Failed(message="a tensor is on fire"))
        sys.exit(1)
        """
    )
    (done,) = supervise(run)
    assert done.message == "a tensor is on fire"
    assert done.results is None
    warnings = [event.message for event in said(run, ev.Warned) if isinstance(event, ev.Warned)]
    assert warnings == ["What was answered could not be scored: the dataset is gone"]
    assert recovery.MOST_TRIES == 3
    assert worker.calls == ["ask", "score"]


def test_a_display_that_breaks_is_switched_off(worker: Script, run: RunDirectory) -> None:
    worker.install("plan(run); time.sleep(0.5); results(run)")
    ticks = []

    def tick() -> None:
        ticks.append(1)
        raise ZeroDivisionError("a bar of no width")

    (done,) = supervise(run, tick=tick)
    assert done.status == "finished"
    assert len(ticks) == 1
    (warning,) = said(run, ev.Warned)
    assert isinstance(warning, ev.Warned)
    assert "a bar of no width" in warning.message


def test_a_worker_that_cannot_be_started(run: RunDirectory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "missing"))
    (done,) = supervise(run)
    assert done.status == "failed"
    assert "could not be started" in done.message


def test_a_directory_that_cannot_be_written(run: RunDirectory, worker: Script) -> None:
    worker.install("results(run)")
    run.launch.mkdir()
    with pytest.raises(BenchtuiError, match="cannot be written"):
        supervise(run)
    assert worker.calls == []


def test_a_damaged_journal_is_salvaged_and_said(run: RunDirectory, worker: Script) -> None:
    worker.install("plan(run); results(run)")
    run.journal.write_bytes(b"no journal " * 1000)
    (done,) = supervise(run)
    assert done.status == "finished"
    (warning,) = said(run, ev.Warned)
    assert isinstance(warning, ev.Warned)
    assert "damaged" in warning.message
