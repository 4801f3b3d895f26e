"""How a worker is started: as a process of this machine; as something else wherever another launcher runs it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from benchtui.supervise.process import LocalWorker


@dataclass(frozen=True)
class WorkerJob:
    """What a worker is started with: the Python module that is run, its options, the folders of its runs, and variables
    of its environment.

    `log` is the file that keeps what it prints, `python` the path of the interpreter where it is not benchtui's own;
    `shard` is its number, from 0, where it is one of several.
    """

    module: str
    options: tuple[str, ...]
    runs: tuple[Path, ...]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    python: str | None = None
    shard: int | None = None

    @property
    def arguments(self) -> tuple[str, ...]:
        """What follows the name of the module."""
        return (*self.options, *map(str, self.runs))


class Worker(Protocol):
    """A worker that was started, with everything that it started itself."""

    output_bytes: int
    """How much it has printed: printing is a sign of life."""
    left_alive: tuple[int, ...]
    """After `reap`: the processes that could not be killed."""
    waits: bool
    """Whether it waits for a place to run in: it is not silent then."""
    fate: str
    """What ended it where its exit status does not say it, in words; "" otherwise."""

    @property
    def pid(self) -> int: ...

    @property
    def killed_for_memory(self) -> bool:
        """Whether the kernel killed for want of memory on its machine since it was started."""

    def poll(self) -> int | None:
        """Exit status (negative: the signal that ended it); None while it runs."""

    def dump_stacks(self) -> None:
        """Ask it to write where each of its threads is; returns at once."""

    def end(
        self,
        grace: float,
        *,
        wait: Callable[[float], None] = time.sleep,
        busy: Callable[[], bool] = lambda: False,
        hurry: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Ask it to stop; whether it went by itself. It has `grace` seconds from the last time that `busy` was true,
        and no time at all once `hurry` is."""

    def reap(self) -> int:
        """Kill everything that is left of it; its exit status."""


class Launcher(Protocol):
    def start(self, job: WorkerJob) -> Worker:
        """Start a worker. Raises OSError when that fails."""


class LocalLauncher:
    """Starts workers as processes of this machine."""

    def start(self, job: WorkerJob) -> Worker:
        return LocalWorker(job.arguments, job.log, job.environment, module=job.module, python=job.python)
