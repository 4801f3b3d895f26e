"""`python -m benchtui.worker [--score | --decide] [--memory-share X] [--shard K/N] RUN_DIR...`: evaluate these runs, in
turn.

Runs given together share one set of weights, or are a base and what is compared with it until that is decided. With
--score nothing is asked: what the journal holds is scored and written as partial results. With --shard it is one of
several workers, with --decide what decides early for these (benchtui/runs/worker_contract.py). The process exits 0 when
every run has its result files, 1 when one failed (the reason is its last `failed` event), 74 when something could not
be written, 143 when it was told to stop.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from benchtui.errors import BenchtuiError
from benchtui.files import UnsafePlaceError, no_room, unwritable
from benchtui.out_of_memory import is_caused_by_out_of_memory
from benchtui.plans.environment import is_offline, worker_environment
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import EventWriter, Failed, clipped
from benchtui.runs.kinds.kind import Kind
from benchtui.runs.kinds.registry import kind_of
from benchtui.runs.worker_contract import NO_ROOM, STOPPED
from benchtui.text import printable
from benchtui.worker.answering.protocol import OutOfMemoryError
from benchtui.worker.guard import (
    StopFlag,
    StopRequested,
    die_with_supervisor,
    dump_stacks_on_signal,
    prefer_us_when_memory_ends,
)
from benchtui.worker.libraries import LibraryListener, listen
from benchtui.worker.offline import RefusedConnections
from benchtui.worker.process import WorkerProcess
from benchtui.worker.report import Reporter


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchtui.worker", description=__doc__)
    parser.add_argument("--score", action="store_true", help="score the journal, ask nothing")
    parser.add_argument("--decide", action="store_true", help="decide early what several workers answer, ask nothing")
    parser.add_argument("--memory-share", type=float, default=1.0, help="of what would be planned, after running out")
    parser.add_argument("--shard", type=_shard, help="which of several workers this is: K/N, K from 0")
    parser.add_argument("run", nargs="+", type=Path)
    arguments = parser.parse_args()
    runs = [RunDirectory(path.resolve()) for path in arguments.run]
    files = runs[0].decider if arguments.decide else runs[0].files_of(arguments.shard)
    stop = StopFlag()
    stop.install()
    die_with_supervisor()
    prefer_us_when_memory_ends()
    libraries = None
    try:
        reporter = Reporter(EventWriter(files.events))  # first: whatever is wrong with the other files is told there
        libraries = LibraryListener(reporter)
        dump_stacks_on_signal(files.stacks)
        refused = _settle_environment(runs)
        kind = _kind_of(runs)
        reporter.phase("starting", detail=kind.starting)
        listen(libraries)  # at once: what is imported from here on is a sign of life
        process = WorkerProcess(stop, libraries, refused, arguments.memory_share, arguments.shard, arguments.decide)
        _start(kind, process, runs, score=arguments.score)
    except StopRequested:
        return STOPPED
    except Exception as error:  # noqa: BLE001 - the process ends here: whatever it was becomes the run's last event
        return _fail(libraries.reporter if libraries is not None else None, error, files.log)
    return 0


def _shard(text: str) -> int:
    """K of K/N."""
    return int(text.partition("/")[0])


class _KindOfWork(Protocol):
    """The module that a kind of run names as its worker."""

    def work(self, process: WorkerProcess, runs: Sequence[RunDirectory]) -> None:
        """Do what the plans of these runs say, and write their results."""

    def score(self, process: WorkerProcess, runs: Sequence[RunDirectory]) -> None:
        """Write results of what the journals of these runs hold, and ask no model."""

    def decide(self, process: WorkerProcess, runs: Sequence[RunDirectory]) -> None:
        """Decide early what several workers answer of these runs; only of a kind whose plans may say so."""


def _kind_of(runs: Sequence[RunDirectory]) -> Kind:
    """The kind of these runs, which are all of one. Raises BenchtuiError where this version does not have it."""
    kind = kind_of(runs[0])
    if not kind.known:
        raise BenchtuiError(
            f"{runs[0].path} is a run of the kind {printable(kind.name, 40)}, which this version does not have.",
            "Update benchtui, or install the package that has it.",
        )
    return kind


def _start(kind: Kind, process: WorkerProcess, runs: list[RunDirectory], *, score: bool) -> None:
    """Do the work of these runs."""
    module: _KindOfWork = importlib.import_module(kind.worker)
    if score:
        module.score(process, runs)
    elif process.decides:
        module.decide(process, runs)
    else:
        module.work(process, runs)


def _settle_environment(runs: list[RunDirectory]) -> RefusedConnections | None:
    """Before any library is imported: the supervisor has set these, a worker started by hand has not. What refuses
    connections when the runs are offline."""
    plans = [run.header() for run in runs]
    os.environ.update(worker_environment(plans))
    return RefusedConnections() if is_offline(plans) else None


def _fail(reporter: Reporter | None, error: Exception, log: Path) -> int:
    failure = _failure(error, log)
    try:
        if reporter is not None:
            reporter.emit(failure)
    except OSError as full:  # nowhere left to write: the exit status says it, and the supervisor has our stderr
        print(f"cannot write events: {full}", file=sys.stderr)  # noqa: T201
    if not isinstance(error, BenchtuiError):
        import traceback

        traceback.print_exception(error)  # into worker.log, for whoever reports it
    return NO_ROOM if failure.reason == "disk full" else 1


def _failure(error: Exception, log: Path) -> Failed:
    if isinstance(error, OutOfMemoryError):
        return Failed(message=clipped(error.what), next_step=error.next_step, reason="out of memory")
    if isinstance(error, UnsafePlaceError):
        unsafe = unwritable(log.parent, error)
        return Failed(message=clipped(unsafe.what), next_step=unsafe.next_step, reason="bad input")
    if no_room(error):
        return Failed(
            message=f"The disk is full: {clipped(str(error), 200)}. Everything answered so far is kept.",
            next_step="Free some space, then `benchtui resume`.",
            reason="disk full",
        )
    if isinstance(error, BenchtuiError):
        return Failed(message=clipped(error.what), next_step=error.next_step, reason="bad input")
    if is_caused_by_out_of_memory(error):
        return Failed(
            message="Memory ran out while lm-eval and PyTorch were loaded.",
            next_step="Close other programs, or allow benchtui more memory (`ulimit -v`).",
        )
    text = " ".join(str(error).split())[:400]
    return Failed(
        message=clipped(f"{type(error).__name__}: {text}"),
        next_step=f"{log} has the details.",
    )


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Results are on disk: threads and atexit hooks of the libraries have nothing to add, and have been seen to hang.
    os._exit(code)
