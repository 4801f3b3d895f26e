"""The worker's process: started in a session of its own, its output bounded, its whole group ended."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchtui.files import open_run_file
from benchtui.interpreter import other_python, this_python, variables_of_other
from benchtui.machine import kernel_oom_kills
from benchtui.runs.worker_contract import MARK, STACK_SIGNAL, SUPERVISOR_PID, marked_processes

LOG_HEAD = 4 * 1024 * 1024
LOG_TAIL = 4 * 1024 * 1024
DEATH_PATIENCE = 30.0
"""Seconds until a killed process counts as stuck in the kernel (a dead network mount, a driver)."""

LONGEST_STOP = 120.0
"""Seconds a worker that was asked to stop may take, however busy it is."""


class BoundedLog:
    """A log file that keeps the first 4 MiB and the latest 4 to 8 MiB of whatever is printed, byte for byte.

    The head stays in `path`; the rest turns over between `path` with .1 and .2 added.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _opened(path, os.O_WRONLY | os.O_APPEND)
        self._room = LOG_HEAD - self._file.tell()

    def write(self, data: bytes) -> None:
        """Raises OSError when the disk is full, ValueError once closed."""
        left = memoryview(data)
        while left:
            if self._room <= 0:
                self._turn_over()
            written = self._file.write(left[: self._room])
            left = left[written:]
            self._room -= written

    def _turn_over(self) -> None:
        self._file.close()
        latest, before = (self._path.with_name(f"{self._path.name}.{n}") for n in (1, 2))
        if latest.exists():
            latest.replace(before)
        self._file = _opened(latest, os.O_WRONLY | os.O_TRUNC)
        self._room = LOG_TAIL

    def close(self) -> None:
        self._file.close()


def _opened(path: Path, flags: int) -> io.FileIO:
    file = io.FileIO(open_run_file(path, flags), "ab")
    file.seek(0, os.SEEK_END)
    return file


class LocalWorker:
    """One worker and everything it starts. Its stdin is a pipe that closes when we end; output goes to a bounded log.

    `python` is the path of the interpreter that runs it, where that is not ours; `inherited` are descriptors that it
    gets under the same numbers.
    Raises OSError when it cannot be started. On Linux it is killed when the thread that started it ends: that thread
    has to live until `reap` has returned.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        *,
        module: str = "benchtui.worker",
        python: str | None = None,
        inherited: Sequence[int] = (),
    ) -> None:
        self._log = BoundedLog(log)
        self._mark = secrets.token_hex(8)
        self.output_bytes = 0
        self.left_alive: tuple[int, ...] = ()
        self.waits, self.fate = False, ""
        self._kills_before = kernel_oom_kills()
        self.log_error: OSError | ValueError | None = None
        own = {SUPERVISOR_PID: str(os.getpid()), MARK: self._mark, "PYTHONUNBUFFERED": "1"}
        variables = {**os.environ, **(environment or {}), **own}
        command = ("-m", module, *arguments)
        self._process = subprocess.Popen(
            this_python(*command) if python is None else other_python(python, *command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=tuple(inherited),
            env=variables if python is None else variables_of_other(variables),
        )
        self._pump = threading.Thread(target=self._copy_output, name="worker-output", daemon=True)
        self._pump.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def killed_for_memory(self) -> bool:
        return kernel_oom_kills() > self._kills_before

    def poll(self) -> int | None:
        """Exit status (negative: the signal that ended it), None while it runs."""
        if self._process.returncode is not None or not hasattr(os, "waitid"):
            return self._process.poll()
        # Looked at, not collected: as long as the zombie is there, nobody else can get its number.
        left = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if left is None:
            return None
        return left.si_status if left.si_code == os.CLD_EXITED else -left.si_status

    def dump_stacks(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, STACK_SIGNAL)

    def kill(self) -> None:
        """End the worker and what belongs to its session; returns at once."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS refuses for a group of zombies
            os.killpg(self.pid, number)

    def end(
        self,
        grace: float,
        *,
        wait: Callable[[float], None] = time.sleep,
        busy: Callable[[], bool] = lambda: False,
        hurry: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Ask the worker and all it started to stop; whether it went by itself. Call `reap` afterwards.

        It has `grace` seconds from the last time that `busy` was true, and no time at all once `hurry` is true.
        """
        self.ask_to_stop()
        return has_ended(self.poll, grace, wait=wait, busy=busy, hurry=hurry)

    def ask_to_stop(self) -> None:
        """Ask the worker and all it started to stop; returns at once."""
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)  # a suspended worker could not hear the request

    def reap(self) -> int:
        """Kill everything that is left, wait until it is dead, and return the worker's exit status.

        `left_alive` then holds the processes that even SIGKILL could not end, because they are stuck in the kernel.
        """
        deadline = time.monotonic() + DEATH_PATIENCE
        self._signal(signal.SIGKILL)
        while (alive := self.members()) and time.monotonic() < deadline:
            for pid in alive:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        self.left_alive = tuple(alive)
        status = self._process.poll()
        self._pump.join(2)
        with contextlib.suppress(OSError):
            if self._process.stdin:
                self._process.stdin.close()
        self._log.close()
        return -signal.SIGKILL if status is None else status

    def members(self) -> list[int]:
        """Process ids of the worker and all it started that are still alive."""
        return marked_processes(self._mark, self.pid)

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
                except (OSError, ValueError) as error:  # a full disk must not block the worker: its output is dropped
                    self.log_error = error
        stream.close()


def has_ended(
    poll: Callable[[], int | None],
    grace: float,
    *,
    wait: Callable[[float], None],
    busy: Callable[[], bool],
    hurry: Callable[[], bool],
) -> bool:
    """Wait for a worker that was asked to stop, whose exit status `poll` tells; whether it went by itself. It has
    `grace` seconds from the last time that `busy` was true, and no time at all once `hurry` is true."""
    began = last_sign = time.monotonic()
    while poll() is None and not hurry():
        wait(0.02)
        now = time.monotonic()
        if busy():
            last_sign = now
        if now - last_sign > grace or now - began > LONGEST_STOP:
            break
    return poll() is not None
