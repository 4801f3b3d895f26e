"""Several workers for one run that is stopped, killed, deleted or damaged: nothing is lost, nobody is left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from benchtui.runs import events as ev
from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal.journal import Journal, RequestKey
from benchtui.runs.journal.shards import answered_in
from benchtui.runs.kinds.benchmark.events import Progress
from benchtui.runs.records import run_state
from benchtui.runs.worker_contract import NO_ROOM
from benchtui.supervise.control import Control
from benchtui.supervise.settings import SuperviseSettings
from tests.run_stories import make_run
from tests.runs.scripted import Script, run, supervise, worker
from tests.supervise.pooled import STOPPABLE, THREE, TWO, UNION, answered, shard_said, warnings

__all__ = ["run", "worker"]


def test_a_request_to_stop_reaches_all_and_what_they_answered_is_scored(worker: Script, run: RunDirectory) -> None:
    worker.install(UNION, STOPPABLE)
    control = Control()

    def tick() -> None:
        if answered_in(run) == 3 and not control.stop_requested:
            control.request_stop()

    (done,) = supervise(run, settings=THREE, control=control, tick=tick)
    assert (done.status, done.message) == ("cancelled", "Stopped by the user. 3 of 10 answered.")
    assert done.results
    assert answered(run) == {0, 1, 2}


def test_cancelled_from_elsewhere(worker: Script, run: RunDirectory) -> None:
    worker.install(UNION, STOPPABLE)

    def tick() -> None:
        if answered_in(run) == 2:
            run.cancel.write_text("")

    control = Control()
    (done,) = supervise(run, settings=TWO, control=control, tick=tick)
    assert done.status == "cancelled"
    assert control.stop_requested
    assert not run.cancel.exists()


def test_two_requests_kill_all_at_once_and_nothing_answered_is_lost(worker: Script, run: RunDirectory) -> None:
    worker.install(
        UNION, "plan(run); answer(run, own[0]); signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(1000)"
    )
    control = Control()

    def tick() -> None:
        if all(shard_said(run, shard, Progress) for shard in range(2)):  # what was answered is told after that
            control.request_stop()
            control.request_stop()

    (done,) = supervise(run, settings=SuperviseSettings(workers=2, grace=60), control=control, tick=tick)
    assert (done.status, done.results, done.answered) == ("cancelled", None, 2)
    assert worker.calls == [], "nobody waits for a score"
    worker.install(UNION, "answer_share(run)")
    (done,) = supervise(run, settings=TWO)
    assert done.status == "finished"
    asked = [len(shard_said(run, shard, Progress)) for shard in range(2)]
    assert sum(asked) == 10, "each document was answered once"


def test_stopped_before_it_began(worker: Script, run: RunDirectory) -> None:
    worker.install(UNION, "answer_share(run)")
    control = Control()
    control.request_stop()
    (done,) = supervise(run, settings=TWO, control=control)
    assert (done.status, done.message) == ("cancelled", "Not started.")
    assert worker.calls_of(0) == []


def test_a_full_disk_ends_the_run_and_is_told(worker: Script, run: RunDirectory) -> None:
    worker.install(UNION, f"plan(run); answer(run, own[0]); sys.exit({NO_ROOM})")
    (done,) = supervise(run, settings=TWO)
    assert done.status == "failed"
    assert "full" in done.message
    assert worker.calls == [], "partial results would not fit either"
    assert done.answered == 2


def test_a_directory_that_is_deleted_is_left_alone(worker: Script, run: RunDirectory) -> None:
    worker.install(UNION, "plan(run); answer(run, own[0]); time.sleep(1000)")

    def tick() -> None:
        if answered_in(run) == 2:
            shutil.rmtree(run.path, ignore_errors=True)

    (done,) = supervise(run, settings=TWO, tick=tick)
    assert (done.status, done.message) == ("failed", "Its files were deleted while it ran.")
    assert not run.plan_file.exists(), "nothing is made anew in its place"


def test_a_worker_that_cannot_be_started(run: RunDirectory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "missing"))
    (done,) = supervise(run, settings=TWO)
    assert done.status == "failed"
    assert done.message.startswith("The worker could not be started")


def test_a_score_that_fails_is_told_and_nothing_is_lost(worker: Script, run: RunDirectory) -> None:
    worker.install(
        "if score_only: say(run, ev.Failed(message='the dataset is gone')); sys.exit(1)", UNION, "answer_share(run)"
    )
    (done,) = supervise(run, settings=TWO)
    assert (done.status, done.message) == ("failed", "What was answered could not be scored.")
    assert warnings(run)[-1] == "What was answered could not be scored: the dataset is gone"
    assert answered(run) == set(range(10))


def test_journals_that_cannot_be_gathered_are_kept_for_the_resume(worker: Script, run: RunDirectory) -> None:
    worker.install(UNION, "plan(run); answer(run, *own)", "if shard == 0: run.journal.mkdir()", "share_done(run)")
    (done,) = supervise(run, settings=TWO)
    assert done.status == "failed"
    assert done.message.startswith("What the workers answered could not be put together: ")
    assert done.message.endswith("→ `benchtui resume` tries it again.")
    assert worker.calls == []
    run.journal.rmdir()
    (done,) = supervise(run, settings=TWO)
    assert (done.status, done.answered) == ("finished", 10)


def test_what_one_worker_left_is_shared_out_and_what_several_left_one_finishes(
    worker: Script, run: RunDirectory
) -> None:
    worker.install(
        UNION.replace("[shard::shards]", "[shard or 0::shards]"), "plan(run); answer(run, 0, 1); sys.exit(1)"
    )
    supervise(run)
    worker.install(
        UNION,
        """
        left = next(doc for doc in own if doc not in known(run))
        plan(run); answer(run, left); say(run, ev.Failed(message='x', reason='bad input')); sys.exit(1)
        """,
    )
    supervise(run, settings=TWO)
    assert answered(run) == {0, 1, 2, 3}
    worker.install("plan(run); answer(run, 4, 5, 6, 7, 8, 9); results(run)")
    (done,) = supervise(run)
    assert (done.status, done.answered) == ("finished", 10)


def test_two_runs_that_share_their_workers_are_both_whole(worker: Script, run: RunDirectory, tmp_path: Path) -> None:
    second = make_run(
        tmp_path / "outputs" / "m" / "benchmarks" / "fine-tuned" / "2026-11-20T10-30-15", leaves={"arc": ("arc",)}
    )
    worker.install(
        UNION,
        """
        for run in runs:
            if shard == 1 and "base" not in str(run.path) and attempt == 1:
                sys.exit(3)
            answer_share(run)
        """,
    )
    done = supervise(run, second, settings=TWO)
    assert [record.status for record in done] == ["finished", "finished"]
    assert [record.answered for record in done] == [10, 10]


SUPERVISOR = """
import pathlib, sys
sys.path.insert(0, {root!r})
from benchtui.runs.directory import RunDirectory
from benchtui.supervise.control import Control, say_on_stderr
from benchtui.supervise.settings import SuperviseSettings
from benchtui.supervise.supervisor import Supervisor
python = sys.executable
sys.executable = sys.argv[2]
with Control(say_on_stderr) as control, control.graceful():
    (done,) = Supervisor(
        [RunDirectory(pathlib.Path(sys.argv[1]))], SuperviseSettings(workers=3, grace=60), control
    ).supervise()
print(done.status)
"""


def start_supervisor(run: RunDirectory, tmp_path: Path) -> subprocess.Popen[str]:
    script = tmp_path / "supervisor.py"
    script.write_text(textwrap.dedent(SUPERVISOR.format(root=str(Path(__file__).resolve().parents[2]))))
    command = [os.fspath(Path(sys.prefix) / "bin" / "python"), str(script), str(run.path), str(tmp_path / "worker.py")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def until(condition: object, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def test_a_supervisor_that_is_killed_takes_all_workers_along_and_a_resume_lacks_nothing(
    worker: Script, run: RunDirectory, tmp_path: Path
) -> None:
    guarded = "from benchtui.worker.guard import die_with_supervisor; die_with_supervisor()"
    worker.install(UNION, guarded, "plan(run); answer(run, own[0]); time.sleep(1000)")
    supervisor = start_supervisor(run, tmp_path)
    until(lambda: answered_in(run) == 3)
    children = workers_of(supervisor)
    assert len(children) >= 3
    supervisor.kill()
    supervisor.wait(10)
    until(lambda: not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children))
    assert run_state(run) == "died"
    assert answered_in(run) == 3, "a run that died is known to hold answers"
    worker.install(UNION, "answer_share(run)")
    (done,) = supervise(run, settings=TWO)
    assert (done.status, done.answered) == ("finished", 10)
    first = [event for event in shard_said(run, 0, Progress) if isinstance(event, Progress)]
    assert len(first) == 1 + 3, "of the five documents that are its share now two were answered before"


def test_ctrl_c_is_answered_at_once_however_busy_the_workers_are(
    worker: Script, run: RunDirectory, tmp_path: Path
) -> None:
    worker.install(
        UNION,
        """
        def stop(*_):
            while not (run.path / "go").exists():
                time.sleep(0.05)
            sys.exit(143)
        signal.signal(signal.SIGTERM, stop)
        plan(run); answer(run, own[0])
        time.sleep(1000)
        """,
    )
    supervisor = start_supervisor(run, tmp_path)
    until(lambda: answered_in(run) == 3)
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.stderr is not None
    heard = supervisor.stderr.readline() + supervisor.stderr.readline()
    assert "Stopping: what was answered is kept and scored." in heard
    assert supervisor.poll() is None, "it has answered while no worker has stopped yet"
    (run.path / "go").write_text("")
    out, _ = supervisor.communicate(timeout=60)
    assert out == "cancelled\n"
    assert answered(run) == {0, 1, 2}


def test_a_supervisor_that_died_while_it_gathered_loses_nothing(worker: Script, run: RunDirectory) -> None:
    """It had added one shard and not yet deleted that shard's journal, and had not come to the other."""
    for number, docs in ((0, (0, 2, 4)), (1, (1, 3))):
        run.files_of(number).folder.mkdir(parents=True)
        for journal in ([run.journal] if number == 0 else []) + [run.files_of(number).journal]:
            with Journal(journal) as opened:
                opened.bind({"fingerprint": "x"})
                opened.record_all((RequestKey("arc", doc, 0), "d", "x") for doc in docs)
    worker.install(UNION, "answer_share(run)")
    (done,) = supervise(run, settings=TWO)
    assert (done.status, done.answered) == ("finished", 10)


def test_a_shard_of_other_settings_is_refused_before_anything_starts(worker: Script, run: RunDirectory) -> None:
    run.files_of(0).folder.mkdir(parents=True)
    for journal, fingerprint in ((run.journal, "x"), (run.files_of(0).journal, "y")):
        with Journal(journal) as opened:
            opened.bind({"fingerprint": fingerprint})
            opened.record(RequestKey("arc", 1, 0), "d", "x")
    worker.install(UNION, "answer_share(run)")
    with pytest.raises(Exception, match="made with other settings"):
        supervise(run, settings=TWO)
    assert worker.calls_of(0) == []


def test_a_damaged_shard_is_salvaged_and_said(worker: Script, run: RunDirectory) -> None:
    run.files_of(0).folder.mkdir(parents=True)
    run.files_of(0).journal.write_bytes(b"no journal " * 1000)
    worker.install(UNION, "answer_share(run)")
    (done,) = supervise(run, settings=TWO)
    assert done.status == "finished"
    assert "damaged" in warnings(run)[0]


def test_a_link_in_the_place_of_a_shard_is_not_followed(worker: Script, run: RunDirectory, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shards = run.files_of(0).folder.parent
    shards.symlink_to(elsewhere)
    worker.install(UNION, "answer_share(run)")
    with pytest.raises(Exception, match="link"):
        supervise(run, settings=TWO)
    assert list(elsewhere.iterdir()) == []


def test_an_error_of_our_own_leaves_no_worker_behind(
    worker: Script, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.install(UNION, "plan(run); answer(run, own[0]); time.sleep(1000)")

    def broken(*_: object) -> list[ev.Event]:
        if answered_in(run) < 2:
            return []
        raise ZeroDivisionError

    monkeypatch.setattr("benchtui.supervise.shard_events.ShardEvents.read", broken)
    with pytest.raises(ZeroDivisionError):
        supervise(run, settings=TWO)
    assert [child for child in psutil.Process().children(recursive=True) if _is_at_work(child)] == []


def _is_at_work(process: psutil.Process) -> bool:
    """Whether it is a worker that has not ended."""
    try:
        return "worker.py" in " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False
