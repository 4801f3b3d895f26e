"""The worker's process: nothing of it outlives its end, and no output is too much."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.runs.directory import RunDirectory
from benchtui.supervise import process as module
from benchtui.supervise.process import BoundedLog, LocalWorker
from tests.runs.scripted import Script, run, worker

__all__ = ["run", "worker"]


def wait_for(path: Path, text: str = "") -> None:
    deadline = time.monotonic() + 20
    while not (path.exists() and text in path.read_text(errors="replace")):
        assert time.monotonic() < deadline, f"{path} never said {text!r}"
        time.sleep(0.01)


def start(run: RunDirectory) -> LocalWorker:
    return LocalWorker([str(run.path)], run.worker_log)


@settings(max_examples=50, deadline=None)
@given(pieces=st.lists(st.binary(max_size=300), max_size=30), again=st.lists(st.binary(max_size=300), max_size=10))
def test_a_log_keeps_its_head_and_its_tail(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], again: list[bytes]
) -> None:
    patch = pytest.MonkeyPatch()
    patch.setattr(module, "LOG_HEAD", 500)
    patch.setattr(module, "LOG_TAIL", 400)
    path = tmp_path_factory.mktemp("log") / "worker.log"
    try:
        for part in (pieces, again):  # a resume goes on with the same log
            log = BoundedLog(path)
            for piece in part:
                log.write(piece)
            log.close()
    finally:
        patch.undo()
    printed = b"".join([*pieces, *again])
    files = [path, path.with_name("worker.log.2"), path.with_name("worker.log.1")]
    assert sum(file.stat().st_size for file in files if file.exists()) <= 500 + 2 * 400
    assert path.read_bytes() == printed[:500]
    if len(printed) <= 500 + 400 and not again:
        assert b"".join(file.read_bytes() for file in files if file.exists()) == printed
    if len(printed) > 500:
        assert printed.endswith(path.with_name("worker.log.1").read_bytes())


def test_its_output_is_in_the_log_and_counts_as_a_sign_of_life(worker: Script, run: RunDirectory) -> None:
    worker.install("print('hello'); print('from stderr', file=sys.stderr)")
    process = start(run)
    while process.poll() is None:
        time.sleep(0.01)
    assert process.reap() == 0
    assert process.output_bytes > 10
    log = run.worker_log.read_text()
    assert "hello" in log
    assert "from stderr" in log


def test_it_gets_nothing_to_read_and_a_session_of_its_own(worker: Script, run: RunDirectory) -> None:
    worker.install("print(os.getsid(0) == os.getpid(), os.environ['BENCHTUI_SUPERVISOR_PID'])")
    process = start(run)
    wait_for(run.worker_log, f"True {os.getpid()}")
    process.reap()


def test_asked_to_stop_it_may_finish_what_it_does(worker: Script, run: RunDirectory) -> None:
    worker.install(
        """
        signal.signal(signal.SIGTERM, lambda *_: (print("stopping"), time.sleep(0.5), sys.exit(7)))
        print("up", flush=True)
        time.sleep(1000)
        """
    )
    process = start(run)
    wait_for(run.worker_log, "up")
    assert process.end(10)
    assert process.reap() == 7


def test_deaf_to_sigterm_it_is_killed_after_its_grace(worker: Script, run: RunDirectory) -> None:
    worker.install("signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(1000)")
    process = start(run)
    wait_for(run.worker_log, "up")
    began = time.monotonic()
    assert not process.end(0.5)
    assert 0.4 < time.monotonic() - began < 3
    assert process.reap() == -signal.SIGKILL
    assert process.members() == []


def test_as_long_as_it_is_busy_its_grace_is_prolonged(worker: Script, run: RunDirectory) -> None:
    worker.install("signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(1000)")
    process = start(run)
    wait_for(run.worker_log, "up")
    signs = iter([True] * 20)
    began = time.monotonic()
    process.end(0.3, wait=lambda _: time.sleep(0.1), busy=lambda: next(signs, False))
    assert time.monotonic() - began > 2
    process.reap()


def test_in_a_hurry_there_is_no_grace(worker: Script, run: RunDirectory) -> None:
    worker.install("signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(1000)")
    process = start(run)
    wait_for(run.worker_log, "up")
    began = time.monotonic()
    assert not process.end(30, hurry=lambda: True)
    assert process.reap() == -signal.SIGKILL
    assert time.monotonic() - began < 3


def test_a_suspended_worker_hears_the_request(worker: Script, run: RunDirectory) -> None:
    worker.install("signal.signal(signal.SIGTERM, lambda *_: sys.exit(5)); print('up', flush=True); time.sleep(1000)")
    process = start(run)
    wait_for(run.worker_log, "up")
    os.kill(process.pid, signal.SIGSTOP)
    assert process.end(10)
    assert process.reap() == 5


def test_all_it_started_is_gone_even_what_left_its_session(worker: Script, run: RunDirectory) -> None:
    worker.install(
        """
        sleeper = [sys.argv[0] and "/bin/sleep", "1000"]
        children = [subprocess.Popen(sleeper), subprocess.Popen(sleeper, start_new_session=True)]
        print("children", *[child.pid for child in children], "end", flush=True)
        """
    )
    process = start(run)
    wait_for(run.worker_log, "end")
    children = [int(word) for word in run.worker_log.read_text().split("children")[1].split("end")[0].split()]
    while process.poll() is None:
        time.sleep(0.01)
    assert sorted(process.members()) == sorted(children)
    assert process.reap() == 0
    assert not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in children)
    assert process.left_alive == ()


def test_a_gigabyte_of_output_neither_blocks_nor_grows(worker: Script, run: RunDirectory) -> None:
    worker.install("block = b'x' * 1_000_000\nfor _ in range(300): os.write(1, block)")
    process = start(run)
    before = psutil.Process().memory_info().rss
    while process.poll() is None:
        time.sleep(0.01)
    assert process.reap() == 0
    assert process.output_bytes == 300_000_000
    assert psutil.Process().memory_info().rss - before < 30_000_000
    size = sum(file.stat().st_size for file in run.records.glob("worker.log*"))
    assert size <= module.LOG_HEAD + 2 * module.LOG_TAIL


def test_a_log_that_cannot_be_written_does_not_block_the_worker(worker: Script, run: RunDirectory) -> None:
    worker.install("for _ in range(300): os.write(1, b'x' * 10_000)")
    process = start(run)
    process._log.close()  # as a disk that is full from now on
    while process.poll() is None:
        time.sleep(0.01)
    assert process.reap() == 0
    assert process.output_bytes == 3_000_000
    assert process.log_error is not None


def test_a_number_used_again_is_nobody_of_ours(worker: Script, run: RunDirectory) -> None:
    """As long as nobody has asked for the status, the number cannot be given to another process."""
    worker.install("sys.exit(3)")
    process = start(run)
    while process.poll() is None:
        time.sleep(0.01)
    assert process.poll() == 3
    assert psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE
    assert process.reap() == 3
    assert not psutil.pid_exists(process.pid)
