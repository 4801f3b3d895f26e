"""What a supervisor and its workers agree on: arguments, variables of the environment, signals and exit codes.

A worker is started as `python -m MODULE [--score | --decide] [--memory-share X] [--shard K/N] RUN_DIR...`.

With --shard it is number K (from 0) of N workers that evaluate these runs at the same time, in turn, and answers the
chunks of documents that it is given and no others. It writes only into `run.files_of(K)`, and does not score. Once it
is ready it says with a `work-units` event what the documents are shared out of; then it reads `files_of(K).chunks`,
which the supervisor appends to, and tells the end of each with `chunk-done`; what is taken back there counts as done.
After the line that says that no more will come it emits `share-done`; after SIGTERM it leaves as soon as its last batch
is journaled. What the run's own journal holds was answered before: nobody writes that while workers run. It counts as
answered by worker 0. Once all shares of a run are done the supervisor makes their journals one, and has the run scored
by a worker with --score.

With --decide it asks nothing, and writes only into `run.decider`: beside the workers of a run whose plan may decide
early, it reads their journals as they are written, and notes in its own which units are decided. It tells with
`unit-decided` that no more documents of a unit are needed, or that all are, and exits once that is known of every unit.
The line in `run.decider.chunks` that says that no more will come means that no more will be answered.
"""

from __future__ import annotations

import contextlib
import os
import signal

import psutil

SUPERVISOR_PID = "BENCHTUI_SUPERVISOR_PID"
MARK = "BENCHTUI_WORKER_MARK"
"""In the environment of a worker and all that it starts, by which even those are found that left its session."""
STACK_SIGNAL = signal.SIGUSR1

DEVICE_NAME = "BENCHTUI_DEVICE_NAME"
"""In the environment of a worker that sees one GPU of several: what that one is called outside."""

MODEL_DEVICES = "BENCHTUI_MODEL_DEVICES"
"""In the environment of a worker whose model is put on all devices that it sees: how many they are."""

SCORE, DECIDE, MEMORY_SHARE, SHARD = "--score", "--decide", "--memory-share", "--shard"

STOPPED = 143
"""Exit status of a worker that was told to stop."""
NO_ROOM = 74
"""Exit status of a worker that could not write: its last words may not have been written either."""


def model_devices() -> int:
    """Return how many devices the model of this worker is put on."""
    number = os.environ.get(MODEL_DEVICES, "")
    return int(number) if number.isascii() and number.isdecimal() and 0 < int(number) < 1000 else 1


def marked_processes(mark: str, session: int) -> list[int]:
    """Ids of living processes in `session` or with `mark` in their environment, except the one that asks."""
    found = []
    for process in psutil.process_iter(["pid", "status"]):
        if process.pid == os.getpid() or process.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error, OSError):
            if os.getsid(process.pid) == session or process.environ().get(MARK) == mark:
                found.append(process.pid)
    return found
