"""The two records that bracket a run: who launched it, and how it ended. No done record means that it died."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from pathlib import Path
from typing import Literal

import msgspec

from benchtui.files import LARGEST_RESULTS, delete_run_file, read_regular, write_run_file
from benchtui.runs.directory import RunDirectory

Status = Literal["finished", "partial", "failed", "cancelled", "timed out"]


class Process(msgspec.Struct, frozen=True):
    """A process that can be told from a later one with the same number, by when it started.

    `started` is in seconds and, on Linux, counts from the boot named by `boot`: the time of day may be set back while
    a run is running. Elsewhere it is the time of day, and `boot` is empty.
    """

    pid: int
    started: float
    host: str
    boot: str = ""

    def alive(self) -> bool:
        """Whether it still runs here; a process of another host counts as alive, since that cannot be known here."""
        if self.host != socket.gethostname():
            return True
        return _boot() == self.boot and (started := _started(self.pid)) is not None and abs(started - self.started) < 1

    @property
    def where(self) -> str:
        return f"process {self.pid} on {self.host}"


def this_process() -> Process:
    pid = os.getpid()
    return Process(pid, _started(pid) or 0.0, socket.gethostname(), _boot())


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""  # not Linux


def _started(pid: int) -> float | None:
    """When a process started, None when there is none (a zombie is none). Format: proc(5), /proc/PID/stat."""
    if not _boot():
        return _started_by_clock(pid)
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19]) / os.sysconf("SC_CLK_TCK")


def _started_by_clock(pid: int) -> float | None:
    import psutil  # takes 25 ms to import, and Linux does without it

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None


class LaunchRecord(msgspec.Struct, frozen=True):
    """Who supervises the run, and by how many workers it is evaluated; written when it starts and again when it is
    resumed."""

    supervisor: Process
    t: float
    bench_id: str
    attempt: int = 1
    workers: int = 1


class DoneRecord(msgspec.Struct, frozen=True):
    """How the run ended. `documents` of `documents_total` are answered and scored, over all tasks; `answered` and
    `total` count requests, of the tasks that were begun. All 0 when the worker never got to planning.

    `results` is the name of the results file in the folder `results_folder` of the run, and `results_bytes` its size.
    `early` says of a finished run that it did not ask every document, since its comparison was decided before.
    """

    status: Status
    message: str
    t: float
    answered: int = 0
    total: int = 0
    seconds: float = 0.0
    results: str | None = None
    results_bytes: int = 0
    results_folder: str = "lm-eval"
    early: bool = False
    documents: int = 0
    documents_total: int = 0


RunState = Literal["waiting", "running", "died", "finished", "partial", "failed", "cancelled", "timed out"]


def write_record(path: Path, record: LaunchRecord | DoneRecord) -> None:
    write_run_file(path, msgspec.json.format(msgspec.json.encode(record), indent=2))


def read_launch(run: RunDirectory) -> LaunchRecord | None:
    """Read the launch record; None when it is missing or damaged, and no owner is known."""
    try:
        return msgspec.json.decode(read_regular(run.launch), type=LaunchRecord)
    except (OSError, msgspec.MsgspecError, RecursionError):
        return None


def read_done(run: RunDirectory) -> DoneRecord | None:
    """Read the done record; None when it, or the results that it names, are missing or damaged.

    Such a run counts as died and can be resumed, which is cheap where the journal holds every answer.
    """
    try:
        record = msgspec.json.decode(read_regular(run.done), type=DoneRecord)
    except (OSError, msgspec.MsgspecError, RecursionError):
        return None
    return record if _results_are_whole(run, record) else None


def asked_everything(run: RunDirectory) -> bool:
    """Whether a run has finished and lacks no document, so that another run of its plan can use its results."""
    done = read_done(run)
    return done is not None and done.status == "finished" and not done.early


def _results_are_whole(run: RunDirectory, record: DoneRecord) -> bool:
    if record.results is None or not record.results_bytes:
        return True
    file = run.path / record.results_folder / record.results
    try:
        if file.stat().st_size != record.results_bytes:  # cut short, or edited: the parser knows
            json.loads(read_regular(file, LARGEST_RESULTS))
    except (OSError, ValueError, RecursionError):
        return False
    return True


def wait_again(run: RunDirectory) -> None:
    """Delete the done and launch records so that the run can be resumed. Raises OSError."""
    delete_run_file(run.done)
    delete_run_file(run.launch)


def run_state(run: RunDirectory) -> RunState:
    """What a run is doing, from its records and from whether its supervisor lives."""
    launch, done = read_launch(run), read_done(run)
    if done is not None:
        return done.status
    if launch is None:
        return "died" if _abandoned(run) else "waiting"
    return "running" if launch.supervisor.alive() else "died"


def _abandoned(run: RunDirectory) -> bool:
    """Whether a run waits, and no supervisor will start it: its lock, or its model's, is there, and no process holds
    it."""
    lock = run.lock if os.path.lexists(run.lock) else run.model_lock
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
