"""What a supervisor makes of everything that a worker can do."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchtui.errors import BenchtuiError
from benchtui.runs import events as ev
from benchtui.runs import recovery, supervisor
from benchtui.runs.control import Control
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import read_events
from benchtui.runs.journal import Journal, RequestKey
from benchtui.runs.process import NO_ROOM
from benchtui.runs.records import DoneRecord, read_done, read_launch, run_state
from benchtui.runs.supervisor import SuperviseSettings, Supervisor
from tests.run_stories import make_run
from tests.runs.scripted import Script, run, worker

__all__ = ["run", "worker"]

QUICK = SuperviseSettings(timeout=1.0, grace=0.5)
SCORE = """
if score_only:
    results(run, partial=True)
    sys.exit(0)
"""


def supervise(
    *runs: RunDirectory,
    settings: SuperviseSettings = QUICK,
    control: Control | None = None,
    tick: Callable[[], None] = lambda: None,
) -> list[DoneRecord]:
    return Supervisor(runs, settings, control or Control(), tick).supervise()


def said(run: RunDirectory, kind: type) -> list[ev.Event]:
    return [event for event in read_events(run.events) if isinstance(event, kind)]


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
    monkeypatch.setattr(supervisor, "EXIT_PATIENCE", 0.3)
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


def test_silence_is_ended_and_its_document_named(worker: Script, run: RunDirectory) -> None:
    worker.install(
        SCORE,
        """
        import faulthandler
        faulthandler.register(signal.SIGUSR1, file=open(run.stacks, "a"))
        plan(run); answer(run, 1)
        InHandWriter(run.in_hand).take("arc", 7, "Which of these", "scoring its answer")
        time.sleep(1000)
        """,
    )
    (done,) = supervise(run)
    assert done.status == "timed out"
    assert done.message == "No sign of life for 1s at arc document 7 “Which of these” (scoring its answer)."
    assert "line" in run.stacks.read_text()
    states = [event.state for event in said(run, ev.Watchdog) if isinstance(event, ev.Watchdog)]
    assert states == ["quiet", "stacks", "terminating"]
    assert done.results, "what was answered is scored"
    with Journal(run.journal) as journal:
        assert journal.skipped() == {("arc", 7): "no sign of life for 1s"}


def test_output_and_events_are_signs_of_life_and_being_busy_with_nothing_is_not(
    worker: Script, run: RunDirectory
) -> None:
    worker.install(
        """
        plan(run)
        for _ in range(5):
            print(".", flush=True)
            time.sleep(0.3)
        for _ in range(5):
            say(run, ev.Advance(unit="tokens", done=1))
            time.sleep(0.3)
        for _ in range(1000):
            say(run, ev.InFlight(task="arc", documents=[ev.InFlightDocument(1, "first line")]))
            time.sleep(0.1)
        """
    )
    began = time.monotonic()
    (done,) = supervise(run)
    assert 3 < time.monotonic() - began < 15
    assert done.status == "timed out"
    assert "arc document 1 “first line” (being answered)" in done.message


def test_a_stalled_document_is_given_up_on_and_the_rest_goes_on(worker: Script, run: RunDirectory) -> None:
    worker.install(
        """
        plan(run)
        if attempt < 3:
            InHandWriter(run.in_hand).take("arc", attempt, "Which", "scoring its answer")
            time.sleep(1000)
        answer(run, 5, 6)
        results(run, partial=True)
        """
    )
    (done,) = supervise(run, settings=SuperviseSettings(timeout=0.8, skip_stalled=True, grace=0.2))
    assert done.status == "partial"
    assert done.message == (
        "Not answered: arc document 1 (no sign of life for 1s), arc document 2 (no sign of life for 1s)."
    )
    assert worker.calls == ["ask", "ask", "ask"]


def test_a_stall_with_nothing_in_hand_is_not_tried_for_ever(worker: Script, run: RunDirectory) -> None:
    worker.install("time.sleep(1000)")
    (done,) = supervise(run, settings=SuperviseSettings(timeout=0.8, skip_stalled=True, grace=0.2))
    assert done.status == "timed out"
    assert worker.calls == ["ask"]


def test_documents_given_up_on_are_asked_again_when_the_run_is_taken_up_again(
    worker: Script, run: RunDirectory
) -> None:
    worker.install("plan(run); results(run)")
    with Journal(run.journal) as journal:
        journal.record(RequestKey("arc", 1, 0), "d", "x")
        journal.skip("arc", 3, "no sign of life")
    supervise(run)
    with Journal(run.journal) as journal:
        assert journal.skipped() == {}


def test_killed_for_memory_it_is_started_again_with_less(
    worker: Script, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    kills = iter(range(100))
    monkeypatch.setattr(supervisor, "kernel_oom_kills", lambda: next(kills))
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
    monkeypatch.setattr(supervisor, "kernel_oom_kills", lambda: next(kills))
    worker.install("plan(run); say(run, ev.Decision(what='batch size', choice='1')); os.kill(os.getpid(), 9)")
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


def test_a_request_to_stop_is_passed_on_and_partial_results_are_kept(worker: Script, run: RunDirectory) -> None:
    worker.install(
        """
        plan(run); answer(run, 1)
        signal.signal(signal.SIGTERM, lambda *_: (results(run, partial=True), sys.exit(143)))
        time.sleep(1000)
        """
    )
    control = Control()
    threading.Timer(1.5, control.request_stop).start()
    (done,) = supervise(run, settings=SuperviseSettings(), control=control)
    assert done.status == "cancelled"
    assert done.results == "results_x.json"
    assert worker.calls == ["ask"], "the worker scored by itself"


def test_two_requests_kill_at_once(worker: Script, run: RunDirectory) -> None:
    worker.install("plan(run); answer(run, 1); signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(1000)")
    control = Control()
    for seconds in (1.5, 1.8):
        threading.Timer(seconds, control.request_stop).start()
    began = time.monotonic()
    (done,) = supervise(run, settings=SuperviseSettings(grace=60), control=control)
    assert time.monotonic() - began < 6
    assert done.status == "cancelled"
    assert done.results is None


def test_a_worker_that_does_not_stop_is_scored_without_the_document_it_is_stuck_in(
    worker: Script, run: RunDirectory
) -> None:
    worker.install(
        SCORE,
        """
        plan(run); answer(run, 1, 2)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        InHandWriter(run.in_hand).take("arc", 2, "Which", "scoring its answer")
        time.sleep(1000)
        """,
    )
    control = Control()
    threading.Timer(1.5, control.request_stop).start()
    (done,) = supervise(run, settings=SuperviseSettings(grace=0.3), control=control)
    assert done.status == "cancelled"
    assert done.results
    with Journal(run.journal) as journal:
        assert journal.skipped() == {("arc", 2): "did not stop when asked to"}


def test_cancelled_from_elsewhere(worker: Script, run: RunDirectory) -> None:
    worker.install("plan(run); time.sleep(1000)")

    def tick() -> None:
        if (run.records / "in-hand.json").exists() or said(run, ev.Planned):
            run.cancel.write_text("")

    control = Control()
    (done,) = supervise(run, settings=SuperviseSettings(), control=control, tick=tick)
    assert done.status == "cancelled"
    assert control.stop_requested, "what comes after it is not started either"
    assert not run.cancel.exists()


def test_a_scoring_that_hangs_leaves_its_document_out_and_is_tried_again(worker: Script, run: RunDirectory) -> None:
    worker.install(
        """
        plan(run)
        if not score_only:
            answer(run, 1, 2, 3)
            sys.exit(1)
        with Journal(run.journal) as journal:
            skipped = {doc for _, doc in journal.skipped()}
        if 2 not in skipped:
            InHandWriter(run.in_hand).take("arc", 2, "Which", "scoring its answer")
            time.sleep(1000)
        results(run, partial=True)
        """
    )
    (done,) = supervise(run)
    assert done.results
    assert worker.calls == ["ask", "score", "score"]


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


def test_a_document_that_hangs_although_given_up_on_is_not_tried_for_ever(worker: Script, run: RunDirectory) -> None:
    worker.install(
        "plan(run); InHandWriter(run.in_hand).take('arc', 2, 'Which', 'scoring its answer'); time.sleep(1000)"
    )
    (done,) = supervise(run, settings=SuperviseSettings(timeout=0.8, skip_stalled=True, grace=0.2))
    assert done.status == "timed out"
    assert worker.calls == ["ask", "ask"]


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


def test_time_in_which_nobody_watched_does_not_count(
    worker: Script, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The supervisor itself was suspended (Ctrl+Z, a frozen machine), and the worker with it."""
    monkeypatch.setattr(supervisor, "UNWATCHED", 0.6)
    worker.install("plan(run); time.sleep(3.2); results(run)")
    naps = iter([1.4])
    (done,) = supervise(run, settings=SuperviseSettings(timeout=1.2), tick=lambda: time.sleep(next(naps, 0.0)))
    assert done.status == "timed out", "the watched part of its silence was too long all the same"
    worker.install("plan(run); time.sleep(2.0); results(run)")
    naps = iter([1.4])
    (done,) = supervise(run, settings=SuperviseSettings(timeout=1.2), tick=lambda: time.sleep(next(naps, 0.0)))
    assert done.status == "finished"


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


def test_stopped_before_it_began(run: RunDirectory, worker: Script) -> None:
    worker.install("results(run)")
    control = Control()
    control.request_stop()
    (done,) = supervise(run, control=control)
    assert done.status == "cancelled"
    assert worker.calls == []
