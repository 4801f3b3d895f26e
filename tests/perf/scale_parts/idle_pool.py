"""What a pool of workers costs its supervisor while they say nothing: `python -m tests.perf.scale_parts.idle_pool N`.

The workers are processes that sleep; the pool, its slots and their files are real. Prints seconds of processor time
for each second, and the most memory in bytes.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from benchtui.supervise.control import Control
from benchtui.supervise.launcher import WorkerJob
from benchtui.supervise.settings import SuperviseSettings
from benchtui.supervise.supervisor import Supervisor
from tests.run_stories import make_run

SETTLING = 3.0
SECONDS = 5.0


class Sleeper:
    """A worker (launcher.Worker) that never does anything."""

    output_bytes = 0
    left_alive: tuple[int, ...] = ()

    def __init__(self) -> None:
        self._process = subprocess.Popen(["sleep", "1000"], stdin=subprocess.DEVNULL)

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        left = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)  # as LocalWorker does
        return None if left is None else 0

    def dump_stacks(self) -> None:
        """It has none."""

    def end(
        self,
        grace: float,
        *,
        wait: Callable[[float], None] = time.sleep,
        busy: Callable[[], bool] = lambda: False,
        hurry: Callable[[], bool] = lambda: False,
    ) -> bool:
        del grace, wait, busy, hurry
        self._process.kill()
        return True

    def reap(self) -> int:
        self._process.kill()
        self._process.wait()
        return 0


class Sleepers:
    """Starts them."""

    def start(self, job: WorkerJob) -> Sleeper:
        del job
        return Sleeper()


def cost_of_waiting(workers: int) -> tuple[float, int]:
    """Processor seconds a second and peak memory of a new process whose workers wait."""
    command = [sys.executable, "-m", __name__ if __name__ != "__main__" else __spec__.name, str(workers)]
    load, peak = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return load, peak


def main() -> None:
    workers, control = int(sys.argv[1]), Control()
    with tempfile.TemporaryDirectory() as folder:
        run = make_run(Path(folder) / "outputs" / "m" / "benchmarks" / "base", "base", leaves={"arc": ("arc",)})
        settings = SuperviseSettings(workers=workers, grace=0.5)
        pool = threading.Thread(target=Supervisor([run], settings, control, launcher=Sleepers()).supervise)
        pool.start()
        time.sleep(SETTLING + workers / 100)
        before, began = time.process_time(), time.monotonic()
        time.sleep(SECONDS)
        load = (time.process_time() - before) / (time.monotonic() - began)
        control.request_stop()
        pool.join()
    print(json.dumps([load, 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))


if __name__ == "__main__":
    main()
