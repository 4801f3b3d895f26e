"""Several workers for one run: each may die, be silent or be killed for memory, and the run is whole at the end."""

from __future__ import annotations

import pytest

from benchtui.runs import events as ev
from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import read_events
from benchtui.runs.follow.state import RunFollower
from benchtui.runs.journal.shards import answered_in
from benchtui.runs.records import read_done
from benchtui.supervise import process
from benchtui.supervise.settings import SuperviseSettings
from tests.runs.scripted import Script, run, supervise, worker
from tests.supervise.pooled import IMPATIENT, THREE, TWO, UNION, answered, shard_said, warnings

__all__ = ["run", "worker"]


def test_each_worker_answers_its_share_and_the_run_is_their_union(worker: Script, run: RunDirectory) -> None:
    worker.install(UNION, "answer_share(run)")
    (done,) = supervise(run, settings=THREE)
    assert (done.status, done.answered, done.documents, done.documents_total) == ("finished", 10, 10, 10)
    assert read_done(run) == done
    assert answered(run) == set(range(10))
    assert [worker.calls_of(shard) for shard in range(3)] == [["ask"]] * 3
    assert worker.calls == ["score"]
    for shard in range(3):
        files = run.files_of(shard)
        assert isinstance(read_events(files.events)[-1], ev.Done)
        assert files.log.is_file()
        assert not files.journal.exists(), "its answers are the run's"
    assert isinstance(read_events(run.events)[-1], ev.Done)
    assert RunFollower(run).catch_up().counts.documents == 10


def test_while_it_goes_on_the_run_counts_what_all_have_answered(worker: Script, run: RunDirectory) -> None:
    worker.install(
        UNION,
        """
        plan(run); answer(run, *own[:2])
        while not pathlib.Path(run.path / "go").exists():
            time.sleep(0.05)
        answer_share(run)
        """,
    )
    seen = []

    def tick() -> None:
        view = RunFollower(run).catch_up()
        if view.counts.documents >= 4 and not seen:
            seen.append((view.state, view.counts.documents, view.counts.total, answered_in(run)))
            (run.path / "go").write_text("")

    (done,) = supervise(run, settings=TWO, tick=tick)
    assert seen == [("running", 4, 10, 4)]
    assert done.status == "finished"


def test_one_that_dies_is_replaced_and_the_others_do_not_notice(worker: Script, run: RunDirectory) -> None:
    worker.install(
        UNION,
        """
        if shard == 1 and attempt == 1:
            plan(run); answer(run, own[0])
            os.kill(os.getpid(), signal.SIGSEGV)
        answer_share(run)
        """,
    )
    (done,) = supervise(run, settings=THREE)
    assert done.status == "finished"
    assert [worker.calls_of(shard) for shard in range(3)] == [["ask"], ["ask", "ask"], ["ask"]]
    assert answered(run) == set(range(10))
    assert [e for e in warnings(run) if "SIGSEGV" in e] == ["Worker 2 ended: failed (signal SIGSEGV)."]
    assert not shard_said(run, 0, ev.WorkerEnded)


def test_one_that_always_dies_ends_its_share_and_no_other(worker: Script, run: RunDirectory) -> None:
    worker.install(
        UNION,
        """
        if shard == 1:
            plan(run); answer(run, own[0])
            os.kill(os.getpid(), signal.SIGSEGV)
        answer_share(run)
        """,
    )
    (done,) = supervise(run, settings=TWO)
    assert done.status == "failed"
    assert done.message.startswith("Worker 2 of 2: The worker ended without a word (signal SIGSEGV).")
    assert done.results, "what all of them answered is scored"
    assert answered(run) == {0, 2, 4, 6, 8, 1}
    assert worker.calls_of(1) == ["ask"] * 3, "two took the place of the first, and came no further"


def test_one_that_says_what_is_wrong_with_the_model_is_not_replaced(worker: Script, run: RunDirectory) -> None:
    worker.install("say(run, ev.Failed(message='cut short', reason='bad input')); sys.exit(1)")
    (done,) = supervise(run, settings=TWO)
    assert (done.status, done.message) == ("failed", "cut short")
    assert [worker.calls_of(shard) for shard in range(2)] == [["ask"], ["ask"]]


def test_one_that_is_silent_is_ended_and_its_document_asked_once_more(worker: Script, run: RunDirectory) -> None:
    worker.install(
        UNION,
        """
        if shard == 0 and attempt == 1:
            plan(run); answer(run, own[0]); take(run, own[1])
            time.sleep(1000)
        answer_share(run)
        """,
    )
    (done,) = supervise(run, settings=IMPATIENT)
    assert done.status == "finished"
    assert answered(run) == set(range(10))
    states = [event.state for event in shard_said(run, 0, ev.Watchdog) if isinstance(event, ev.Watchdog)]
    assert states == ["quiet", "stacks", "terminating"]
    assert not shard_said(run, 1, ev.Watchdog)


def test_a_stalled_document_is_given_up_on_where_that_is_wanted(worker: Script, run: RunDirectory) -> None:
    worker.install(
        UNION,
        """
        if shard == 0 and attempt == 1:
            plan(run); answer(run, 0); take(run, 2)
            time.sleep(1000)
        answer_share(run)
        """,
    )
    settings = SuperviseSettings(workers=2, timeout=8.0, grace=0.5, skip_stalled=True)
    (done,) = supervise(run, settings=settings)
    assert (done.status, done.message) == ("partial", "Not answered: arc sample 2 (no sign of life for 8s).")
    assert answered(run) == set(range(10)) - {2}
    worker.install(UNION, "answer_share(run)")
    (done,) = supervise(run, settings=TWO)
    assert done.status == "finished", "it is asked again when the run is resumed"


@pytest.mark.long
def test_one_that_is_silent_again_and_again_ends_its_share(worker: Script, run: RunDirectory) -> None:
    worker.install(
        UNION,
        """
        if shard == 0:
            plan(run); take(run, next(doc for doc in own if doc not in known(run)))
            time.sleep(1000)
        answer_share(run)
        """,
    )
    (done,) = supervise(run, settings=SuperviseSettings(workers=2, timeout=5.0, grace=0.3))
    assert done.status == "timed out"
    assert done.message == "Worker 1 of 2: No sign of life for 5s at arc sample 2 “Which” (scoring its answer)."
    assert worker.calls_of(0) == ["ask"] * 4, "document 0 was given up on after three, and nothing was gained"
    assert answered(run) == {1, 3, 5, 7, 9}
    assert done.results


def test_killed_for_memory_only_that_one_gets_less(
    worker: Script, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    kills = iter(range(100))
    monkeypatch.setattr(process, "kernel_oom_kills", lambda: next(kills))
    worker.install(
        UNION,
        """
        plan(run)
        if shard == 1 and share > 0.3:
            os.kill(os.getpid(), 9)
        answer_share(run)
        """,
    )
    (done,) = supervise(run, settings=TWO)
    assert done.status == "finished"
    assert [worker.calls_of(shard) for shard in range(2)] == [["ask"], ["ask"] * 3]
