"""The two records that bracket a run: who launched it, and how it ended. No done record means that it died."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Literal

import msgspec
import psutil

from benchtui.runs.directory import RunDirectory
from benchtui.runs.files import write_atomic

Status = Literal["finished", "partial", "failed", "cancelled", "timed out"]


class Process(msgspec.Struct, frozen=True):
    """A process that can be told from a later one with the same number, by when it started."""

    pid: int
    started: float
    host: str

    def alive(self) -> bool:
        """Whether it still runs here; a process of another host is taken to be alive, since nobody here can know."""
        if self.host != socket.gethostname():
            return True
        try:
            process = psutil.Process(self.pid)
            return abs(process.create_time() - self.started) < 2 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    @property
    def where(self) -> str:
        return f"process {self.pid} on {self.host}"


def this_process() -> Process:
    pid = os.getpid()
    return Process(pid, psutil.Process(pid).create_time(), socket.gethostname())


class LaunchRecord(msgspec.Struct, frozen=True):
    """Written when a supervisor takes a run up; rewritten by a resume."""

    supervisor: Process
    t: float
    bench_id: str
    attempt: int = 1


class DoneRecord(msgspec.Struct, frozen=True):
    """How the run ended. `answered` and `total` count requests; `total` 0 when the worker never got to planning."""

    status: Status
    message: str
    t: float
    answered: int = 0
    total: int = 0
    seconds: float = 0.0
    results: str | None = None


RunState = Literal["waiting", "running", "died", "finished", "partial", "failed", "cancelled", "timed out"]


def write_record(path: Path, record: LaunchRecord | DoneRecord) -> None:
    write_atomic(path, msgspec.json.format(msgspec.json.encode(record), indent=2))


def read_launch(run: RunDirectory) -> LaunchRecord | None:
    """None when it is missing or damaged: nobody can be named as its owner then."""
    try:
        return msgspec.json.decode(run.launch.read_bytes(), type=LaunchRecord)
    except (OSError, msgspec.MsgspecError):
        return None


def read_done(run: RunDirectory) -> DoneRecord | None:
    """None when it is missing or damaged: the run then counts as died."""
    try:
        return msgspec.json.decode(run.done.read_bytes(), type=DoneRecord)
    except (OSError, msgspec.MsgspecError):
        return None


def run_state(run: RunDirectory) -> RunState:
    """What a run is doing, from its records and from whether its supervisor lives."""
    launch, done = read_launch(run), read_done(run)
    if done is not None:
        return done.status
    if launch is None:
        return "waiting"
    return "running" if launch.supervisor.alive() else "died"


def done_now(
    status: Status, message: str, started: float, *, answered: int, total: int, results: str | None
) -> DoneRecord:
    now = time.time()
    return DoneRecord(status, message, now, answered, total, max(now - started, 0.0), results)
