"""The worker dies with its supervisor, and shows where it hangs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

_WORKER = """
import os, signal, subprocess, sys, time
from benchtui.worker.guard import StopFlag, die_with_supervisor, dump_stacks_on_signal
from pathlib import Path
stop = StopFlag()
stop.install()
die_with_supervisor()
dump_stacks_on_signal(Path(sys.argv[1]) / "stacks.txt")
sleeper = [sys.executable, "-c", "import time; time.sleep(1000)"]
children = [subprocess.Popen(sleeper), subprocess.Popen(sleeper, start_new_session=True)]
def hang():
    while True:
        time.sleep(1000)
(Path(sys.argv[1]) / "pids").write_text(" ".join(map(str, [os.getpid(), *[c.pid for c in children]])) + " end")
hang()
"""
_SUPERVISOR = """
import os, subprocess, sys, time
worker = subprocess.Popen(
    [sys.executable, "-c", sys.argv[2], sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    start_new_session=True,
    env={**os.environ, "BENCHTUI_SUPERVISOR_PID": str(os.getpid()), "BENCHTUI_WORKER_MARK": "mark-" + str(os.getpid())},
)
time.sleep(1000)
"""


def started(folder: Path) -> tuple[subprocess.Popen[bytes], list[int]]:
    supervisor = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_SUPERVISOR), folder, textwrap.dedent(_WORKER)]
    )
    pids = folder / "pids"
    deadline = time.monotonic() + 30
    while not (pids.exists() and pids.read_text().endswith("end")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.2)
    return supervisor, [int(word) for word in pids.read_text().split()[:-1]]


def all_gone(pids: list[int], within: float = 10) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids):
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("stopped", [False, True])
def test_everything_goes_with_the_supervisor(tmp_path: Path, stopped: bool) -> None:
    supervisor, pids = started(tmp_path)
    try:
        if stopped:  # the whole group, as a shell or a batch system would
            os.killpg(pids[0], signal.SIGSTOP)
        supervisor.kill()
        supervisor.wait()
        assert all_gone(pids), "the worker and both processes it started, one of them in a session of its own"
    finally:
        for pid in pids:
            if psutil.pid_exists(pid):
                os.kill(pid, signal.SIGKILL)


def test_stacks_are_written_while_it_hangs(tmp_path: Path) -> None:
    supervisor, pids = started(tmp_path)
    try:
        os.kill(pids[0], signal.SIGUSR1)
        deadline = time.monotonic() + 10
        while "in hang" not in (tmp_path / "stacks.txt").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert psutil.pid_exists(pids[0]), "and it goes on"
    finally:
        supervisor.kill()
        supervisor.wait()
        assert all_gone(pids)


def test_a_worker_started_by_hand_follows_nobody(tmp_path: Path) -> None:
    script = "from benchtui.worker.guard import die_with_supervisor; die_with_supervisor(); print('here', input())"
    done = subprocess.run(
        [sys.executable, "-c", script], input="typed", capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout == "here typed\n"
