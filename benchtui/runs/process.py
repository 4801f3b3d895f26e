"""The worker's process: started in a session of its own, its output bounded, its whole group ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

LOG_HEAD = 4 * 1024 * 1024
LOG_TAIL = 4 * 1024 * 1024
SUPERVISOR_PID = "BENCHTUI_SUPERVISOR_PID"
STACK_SIGNAL = signal.SIGUSR1


class BoundedLog:
    """A log file that keeps the first 4 MiB and the latest 4 to 8 MiB of whatever is printed, byte for byte.

    The head stays in `path`; the rest turns over between `path` with .1 and .2 added.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)
        self._room = LOG_HEAD - self._file.tell()
        self._tail = 0

    def write(self, data: bytes) -> None:
        while data:
            if self._room <= 0:
                self._turn_over()
            part, data = data[: self._room], data[self._room :]
            self._file.write(part)
            self._room -= len(part)

    def _turn_over(self) -> None:
        self._file.close()
        latest, before = (self._path.with_name(f"{self._path.name}.{n}") for n in (1, 2))
        if latest.exists():
            latest.replace(before)
        self._file = latest.open("wb", buffering=0)
        self._room = LOG_TAIL

    def close(self) -> None:
        self._file.close()


class WorkerProcess:
    """One worker and everything it starts. Its stdin is a pipe that closes when we go; output goes to a bounded log."""

    def __init__(self, arguments: Sequence[str], log: Path, environment: dict[str, str] | None = None) -> None:
        self._log = BoundedLog(log)
        self.output_bytes = 0
        self.log_error: OSError | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchtui.worker", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **(environment or {}), SUPERVISOR_PID: str(os.getpid()), "PYTHONUNBUFFERED": "1"},
        )
        self._pump = threading.Thread(target=self._copy_output, name="worker-output", daemon=True)
        self._pump.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        """Exit status (negative: the signal that ended it), None while it runs."""
        return self._process.poll()

    def dump_stacks(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, STACK_SIGNAL)

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def end(self, grace: float, hurry: Callable[[], bool] = lambda: False) -> int:
        """Ask the group to stop, kill what is left after `grace` seconds (or once `hurry` says so), and return when
        all of it is gone."""
        self.terminate()
        self._signal(signal.SIGCONT)  # a suspended worker could not hear the request
        deadline = time.monotonic() + grace
        while self.poll() is None and time.monotonic() < deadline and not hurry():
            time.sleep(0.02)
        return self.reap()

    def reap(self) -> int:
        """Kill what the group still has, and return the worker's exit status when nobody of it is left."""
        code = self.poll()
        self.kill()
        status = self._process.wait(10)
        deadline = time.monotonic() + 10
        while self.members() and time.monotonic() < deadline:
            self.kill()
            time.sleep(0.02)
        self._pump.join(2)
        with contextlib.suppress(OSError):
            if self._process.stdin:
                self._process.stdin.close()
        self._log.close()
        return status if code is None else code

    def members(self) -> list[int]:
        """Process ids still alive in the worker's session."""
        found = []
        for process in psutil.process_iter(["pid", "status"]):
            with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error):
                alive = process.info["status"] != psutil.STATUS_ZOMBIE
                if alive and process.pid != os.getpid() and os.getsid(process.pid) == self.pid:
                    found.append(process.pid)
        return found

    def _copy_output(self) -> None:
        stream = self._process.stdout
        if stream is None:
            return
        descriptor = stream.fileno()
        while True:
            try:
                data = os.read(descriptor, 65536)
            except OSError:
                break
            if not data:
                break
            self.output_bytes += len(data)
            if self.log_error is None:
                try:
                    self._log.write(data)
                except OSError as error:  # a full disk must not block the worker: its output is read on, unwritten
                    self.log_error = error
        stream.close()
