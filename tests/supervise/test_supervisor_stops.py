"""What a supervisor does about silence, and when it is asked to stop."""

from __future__ import annotations

import threading
import time

import pytest

from benchtui.runs import events as ev
from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal.journal import Journal, RequestKey
from benchtui.runs.kinds.benchmark.events import Planned
from benchtui.supervise import watchdog
from benchtui.supervise.control import Control
from benchtui.supervise.settings import SuperviseSettings
from tests.runs.scripted import SCORE, Script, run, said, supervise, worker

__all__ = ["run", "worker"]


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
    assert done.message == "No sign of life for 1s at arc sample 7 “Which of these” (scoring its answer)."
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
    assert "arc sample 1 “first line” (being answered)" in done.message


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
        "Not answered: arc sample 1 (no sign of life for 1s), arc sample 2 (no sign of life for 1s)."
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
        if (run.records / "in-hand.json").exists() or said(run, Planned):
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


def test_a_document_that_hangs_although_given_up_on_is_not_tried_for_ever(worker: Script, run: RunDirectory) -> None:
    worker.install(
        "plan(run); InHandWriter(run.in_hand).take('arc', 2, 'Which', 'scoring its answer'); time.sleep(1000)"
    )
    (done,) = supervise(run, settings=SuperviseSettings(timeout=0.8, skip_stalled=True, grace=0.2))
    assert done.status == "timed out"
    assert worker.calls == ["ask", "ask"]


def test_time_in_which_nobody_watched_does_not_count(
    worker: Script, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The supervisor itself was suspended (Ctrl+Z, a frozen machine), and the worker with it."""
    monkeypatch.setattr(watchdog, "UNWATCHED", 0.6)
    worker.install("plan(run); time.sleep(3.2); results(run)")
    naps = iter([1.4])
    (done,) = supervise(run, settings=SuperviseSettings(timeout=1.2), tick=lambda: time.sleep(next(naps, 0.0)))
    assert done.status == "timed out", "the watched part of its silence was too long all the same"
    worker.install("plan(run); time.sleep(2.0); results(run)")
    naps = iter([1.4])
    (done,) = supervise(run, settings=SuperviseSettings(timeout=1.2), tick=lambda: time.sleep(next(naps, 0.0)))
    assert done.status == "finished"


def test_stopped_before_it_began(run: RunDirectory, worker: Script) -> None:
    worker.install("results(run)")
    control = Control()
    control.request_stop()
    (done,) = supervise(run, control=control)
    assert done.status == "cancelled"
    assert worker.calls == []
