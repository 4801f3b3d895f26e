"""What happens in a run of any kind, one line of JSON each, appended to run/events.jsonl by worker and supervisor.

Every display, in whatever process, reads these and those of the run's kind, and nothing else.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Literal

import msgspec

from benchtui.files import open_run_file
from benchtui.runs.chunks import WorkUnit
from benchtui.runs.workers import WorkerNow
from benchtui.text import printable

MAX_LINE = 64 * 1024
"""Longest line written, in bytes: one event can never fill memory or a screen."""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="event"):
    """One event, of whatever kind of run. Each kind adds its own in subclasses, with tags that no other has."""

    t: float = 0.0
    """Seconds since the epoch, by the writer's clock."""


class Phase(Event, frozen=True, kw_only=True, tag="phase"):
    """The worker begins something that may take a while."""

    name: Literal["starting", "loading model", "loading task", "building prompts", "evaluating", "scoring", "writing"]
    task: str = ""
    detail: str = ""


class Advance(Event, frozen=True, kw_only=True, tag="advance"):
    """A sign of life inside a phase: work that moved on. `done`/`total` in `unit`, 0 where unknown.

    In earlier versions "files" counted modules as well as tasks.
    """

    unit: Literal["bytes", "tokens", "documents", "prompts", "files", "modules", "tasks", "tensors"]
    done: int = 0
    total: int = 0
    task: str = ""


class InFlightDocument(msgspec.Struct, frozen=True):
    """`first_line` of the document's question, without examples and chat markup."""

    doc_id: int
    first_line: str


class InFlight(Event, frozen=True, kw_only=True, tag="in-flight"):
    """The documents of the batch being computed now."""

    task: str
    documents: list[InFlightDocument]


class Decision(Event, frozen=True, kw_only=True, tag="decision"):
    """Something chosen for the user, with the reason: batch size, dtype, device, engine fallback.

    `rows` is how many sequences are answered at once from now on, None where the choice is about something else.
    """

    what: str
    choice: str
    why: str = ""
    rows: int | None = None


class Warned(Event, frozen=True, kw_only=True, tag="warning"):
    message: str
    next_step: str = ""


class Log(Event, frozen=True, kw_only=True, tag="log"):
    level: Literal["debug", "info", "warning", "error"]
    message: str


class Failed(Event, frozen=True, kw_only=True, tag="failed"):
    """The worker gives up, and why; it exits right after."""

    message: str
    next_step: str = ""
    reason: Literal["error", "out of memory", "disk full", "bad input"] = "error"


class Results(Event, frozen=True, kw_only=True, tag="results"):
    """Result files are on disk, whole: nothing that happens to the worker afterwards can cost anything.

    `file` lies in the run's folder `folder`. `early`: a task was decided before all its documents were asked.
    """

    file: str
    folder: str = "lm-eval"
    partial: bool = False
    early: bool = False


class ShareDone(Event, frozen=True, kw_only=True, tag="share-done"):
    """One of several workers has answered its share of the documents; they are scored together, once all have.

    `partial`: without those that were given up on.
    """

    partial: bool = False


class WorkUnits(Event, frozen=True, kw_only=True, tag="work-units"):
    """One of several workers is ready: what the run's documents are shared out of, some units to an event. Every worker
    of a run says the same; `start` is how many were told before these, `last` with the last of them."""

    units: list[WorkUnit]
    start: int = 0
    last: bool = True


class Ahead(msgspec.Struct, frozen=True):
    """How many documents of a task, and requests of them and of others, are answered of chunks that are not done."""

    task: str
    documents: int
    requests: int


class ChunkBegun(Event, frozen=True, kw_only=True, tag="chunk-begun"):
    """One of several workers needs the documents of this chunk to keep its batches full: of the chunks before it none
    waits any more."""

    number: int


class ChunkDone(Event, frozen=True, kw_only=True, tag="chunk-done"):
    """One of several workers has answered the chunk of this number, but for documents that were given up on. `ahead` is
    what it has answered besides of the chunks that it was given after it."""

    number: int
    ahead: list[Ahead] = []


class Workers(Event, frozen=True, kw_only=True, tag="workers"):
    """What the workers of a run do now, where it has several: `counts` says how many of the `total` do what, `workers`
    shows each of them or, of many, those that are worth it. Told a few times a minute, and when one does something
    else."""

    total: int
    counts: dict[str, int]
    workers: list[WorkerNow]


class UnitDecided(Event, frozen=True, kw_only=True, tag="unit-decided"):
    """The worker that decides what several others answer is through with a work unit. `early`: no more of its documents
    are needed; otherwise all of them are."""

    unit: str
    early: bool


class WorkerStarted(Event, frozen=True, kw_only=True, tag="worker-started"):
    pid: int
    attempt: int = 1


class Placed(Event, frozen=True, kw_only=True, tag="placed"):
    """One of several workers has a place on the machine `where` of a cluster; "" while it waits for one."""

    where: str


class Watchdog(Event, frozen=True, kw_only=True, tag="watchdog"):
    """Silence, in seconds, and how long until the worker is ended (None without a timeout)."""

    state: Literal["quiet", "waiting", "stacks", "terminating", "killing", "alive again"]
    silent: float
    remaining: float | None = None


class WorkerEnded(Event, frozen=True, kw_only=True, tag="worker-ended"):
    """`exit_code` negative for a signal. `reason` in one or two words."""

    exit_code: int
    reason: str
    detail: str = ""


class Done(Event, frozen=True, kw_only=True, tag="done"):
    """The last line of every run: how it ended. Nothing follows, except after a resume."""

    status: Literal["finished", "partial", "failed", "cancelled", "timed out"]
    message: str = ""


CORE: tuple[type[Event], ...] = (
    Phase,
    Advance,
    InFlight,
    Decision,
    Warned,
    Log,
    Failed,
    Results,
    ShareDone,
    WorkUnits,
    ChunkBegun,
    ChunkDone,
    Workers,
    UnitDecided,
    WorkerStarted,
    Placed,
    Watchdog,
    WorkerEnded,
    Done,
)
"""The events of every kind of run: those that a supervisor, a listing and every display know."""

_encoder = msgspec.json.Encoder()


def encode(event: Event) -> bytes:
    """One line, at most MAX_LINE bytes: an oversized event is replaced by a log line that says so."""
    line = _encoder.encode(event)
    if len(line) > MAX_LINE:
        name = type(event).__name__
        line = _encoder.encode(
            Log(t=event.t, level="warning", message=f"a {name} event of {len(line)} bytes was dropped")
        )
    return line + b"\n"


class EventWriter:
    """Appends events, each with one write to a file opened for appending, so that two writers never mix lines.

    Raises OSError when the file leads elsewhere or the disk is full; it then ends in a whole line or in a torn one
    that readers skip.
    """

    def __init__(self, path: Path) -> None:
        self._fd = open_run_file(path, os.O_RDWR | os.O_APPEND, make_folder=True)
        self._torn = False
        self._end_torn_line()

    def _end_torn_line(self) -> None:
        size = os.fstat(self._fd).st_size
        if size and os.pread(self._fd, 1, size - 1) != b"\n":
            os.write(self._fd, b"\n")

    def emit(self, event: Event) -> None:
        self._write(encode(event if event.t else msgspec.structs.replace(event, t=time.time())))

    def append(self, lines: bytes) -> None:
        """Write whole lines of events that another process has encoded."""
        self._write(lines)

    def _write(self, lines: bytes) -> None:
        if self._torn:
            lines = b"\n" + lines
        self._torn = True
        written = os.write(self._fd, lines)
        if written < len(lines):  # a disk that filled up in the middle: the next write raises
            os.write(self._fd, lines[written:])
        self._torn = False

    @property
    def deleted(self) -> bool:
        """Whether the file was removed: what is still written goes nowhere."""
        return os.fstat(self._fd).st_nlink == 0

    def close(self) -> None:
        os.close(self._fd)


def clipped(text: str, limit: int = 2000) -> str:
    """Foreign text made fit for an event."""
    return printable(text, limit)
