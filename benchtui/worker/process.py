"""What the process of a worker has, whatever the kind of its runs."""

from __future__ import annotations

from dataclasses import dataclass

from benchtui.runs.directory import RunDirectory, WorkerFiles
from benchtui.worker.guard import StopFlag
from benchtui.worker.libraries import LibraryListener
from benchtui.worker.offline import RefusedConnections


@dataclass(frozen=True)
class WorkerProcess:
    """`libraries` turns what the libraries report into events of the run whose turn it is; `refused` is what refuses
    connections when the runs are offline. `memory_share` is the part of the memory to plan for: below 1 when an earlier
    worker was ended because memory ran out. `shard` is the number of this worker, from 0, where several evaluate the
    same runs; `decides` that it decides early what those answer."""

    stop: StopFlag
    libraries: LibraryListener
    refused: RefusedConnections | None = None
    memory_share: float = 1.0
    shard: int | None = None
    decides: bool = False

    def files_in(self, run: RunDirectory) -> WorkerFiles:
        """The files of a run that this process writes."""
        return run.decider if self.decides else run.files_of(self.shard)
