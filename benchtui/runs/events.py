"""What happens in a run, one line of JSON each, appended to run/events.jsonl by the worker and its supervisor.

Every display, in whatever process, reads these and nothing else.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from benchtui.files import open_regular_file, open_run_file
from benchtui.runs.answer_health import TaskHealth
from benchtui.text import printable

MAX_LINE = 64 * 1024
"""Longest line written, in bytes: one event can never fill memory or a screen."""


class _Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="event"):
    t: float = 0.0
    """Seconds since the epoch, by the writer's clock."""


class Phase(_Event, frozen=True, kw_only=True, tag="phase"):
    """The worker begins something that may take a while."""

    name: Literal["starting", "loading model", "loading task", "building prompts", "evaluating", "scoring", "writing"]
    task: str = ""
    detail: str = ""


class Advance(_Event, frozen=True, kw_only=True, tag="advance"):
    """A sign of life inside a phase: work that moved on. `done`/`total` in `unit`, 0 where unknown.

    "files" stood for modules and tasks alike in earlier versions.
    """

    unit: Literal["bytes", "tokens", "documents", "prompts", "files", "modules", "tasks", "tensors"]
    done: int = 0
    total: int = 0
    task: str = ""


class PlannedTask(msgspec.Struct, frozen=True):
    task: str
    documents: int
    requests: int
    answered: int
    kind: Literal["generate_until", "loglikelihood", "loglikelihood_rolling", "multiple_choice", "mixed"]


class Planned(_Event, frozen=True, kw_only=True, tag="planned"):
    """Leaf tasks with their sizes, a few hundred to an event; emitted again when more is known. `answered` requests
    were found in the journal."""

    tasks: list[PlannedTask]


class Progress(_Event, frozen=True, kw_only=True, tag="progress"):
    task: str
    documents: int
    documents_total: int
    requests: int
    requests_total: int
    documents_per_second: float = 0.0
    tokens_per_second: float = 0.0


class InFlightDocument(msgspec.Struct, frozen=True):
    """`first_line` of the document's question, without examples and chat markup."""

    doc_id: int
    first_line: str


class InFlight(_Event, frozen=True, kw_only=True, tag="in-flight"):
    """The documents of the batch being computed now."""

    task: str
    documents: list[InFlightDocument]


class Mark(msgspec.Struct, frozen=True):
    """Whether an answer is right; None where the task gives marks between 0 and 1 (F1, BLEU)."""

    doc_id: int
    right: bool | None
    first_line: str = ""


class Marked(_Event, frozen=True, kw_only=True, tag="marked"):
    """How the newest answers of a task were marked, oldest first; a fast worker leaves some out."""

    task: str
    marks: list[Mark]


class LiveScore(msgspec.Struct, frozen=True):
    """`value` and `stderr` on lm-eval's own scale (accuracy 0..1); value None where it is not a number, stderr None
    where lm-eval gives none."""

    metric: str
    filter: str
    value: float | None
    stderr: float | None
    n: int


class Scores(_Event, frozen=True, kw_only=True, tag="scores"):
    """The running scores of a task over the documents completely answered so far, and the health of the answers to them
    (None in events of earlier versions); `final` after the last, which comes
    `early` when the task was decided before all its documents were asked."""

    task: str
    scores: list[LiveScore]
    health: TaskHealth | None = None
    final: bool = False
    early: bool = False


class Decision(_Event, frozen=True, kw_only=True, tag="decision"):
    """Something chosen for the user, with the reason: batch size, dtype, device, engine fallback."""

    what: str
    choice: str
    why: str = ""


class Warned(_Event, frozen=True, kw_only=True, tag="warning"):
    message: str
    next_step: str = ""


class Log(_Event, frozen=True, kw_only=True, tag="log"):
    level: Literal["debug", "info", "warning", "error"]
    message: str


class Failed(_Event, frozen=True, kw_only=True, tag="failed"):
    """The worker gives up, and why; it exits right after."""

    message: str
    next_step: str = ""
    reason: Literal["error", "out of memory", "disk full", "bad input"] = "error"


class Results(_Event, frozen=True, kw_only=True, tag="results"):
    """Result files are on disk, whole: nothing that happens to the worker afterwards can cost anything.

    `early`: a task was decided before all its documents were asked.
    """

    file: str
    partial: bool = False
    early: bool = False


class ShareDone(_Event, frozen=True, kw_only=True, tag="share-done"):
    """One of several workers has answered its share of the documents; they are scored together, once all have.

    `partial`: without those that were given up on.
    """

    partial: bool = False


class WorkerStarted(_Event, frozen=True, kw_only=True, tag="worker-started"):
    pid: int
    attempt: int = 1


class Watchdog(_Event, frozen=True, kw_only=True, tag="watchdog"):
    """Silence, in seconds, and how long until the worker is ended (None without a timeout)."""

    state: Literal["quiet", "waiting", "stacks", "terminating", "killing", "alive again"]
    silent: float
    remaining: float | None = None


class WorkerEnded(_Event, frozen=True, kw_only=True, tag="worker-ended"):
    """`exit_code` negative for a signal. `reason` in one or two words."""

    exit_code: int
    reason: str
    detail: str = ""


class Done(_Event, frozen=True, kw_only=True, tag="done"):
    """The last line of every run: how it ended. Nothing follows, except after a resume."""

    status: Literal["finished", "partial", "failed", "cancelled", "timed out"]
    message: str = ""


Event = (
    Phase
    | Advance
    | Planned
    | Progress
    | InFlight
    | Marked
    | Scores
    | Decision
    | Warned
    | Log
    | Failed
    | Results
    | ShareDone
    | WorkerStarted
    | Watchdog
    | WorkerEnded
    | Done
)

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Event)


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
        line = encode(event if event.t else msgspec.structs.replace(event, t=time.time()))
        if self._torn:
            line = b"\n" + line
        self._torn = True
        written = os.write(self._fd, line)
        if written < len(line):  # a disk that filled up in the middle: the next write raises
            os.write(self._fd, line[written:])
        self._torn = False

    @property
    def deleted(self) -> bool:
        """Whether the file was removed: what is still written goes nowhere."""
        return os.fstat(self._fd).st_nlink == 0

    def close(self) -> None:
        os.close(self._fd)


def decode(line: bytes) -> Event | None:
    """The event in one line, None when it is torn, damaged or from a newer version."""
    try:
        event: Event = _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return event


class EventReader:
    """Follows an events file from any process: each `read()` gives what was appended since the last.

    Reads at most 1 MiB a call, so that a long file never stalls a display; a torn last line waits for its end; a file
    that was replaced or cut is read again from its start.
    """

    CHUNK = 1024 * 1024

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        self._rest = b""
        self._inode: int | None = None
        self.skipped = 0

    def read(self) -> list[Event]:
        try:
            with open_regular_file(self.path) as file:
                status = os.fstat(file.fileno())
                if self._inode != status.st_ino or status.st_size < self._offset:
                    self._inode, self._offset, self._rest = status.st_ino, 0, b""
                file.seek(self._offset)
                data = file.read(self.CHUNK)
        except FileNotFoundError:
            return []
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > 4 * MAX_LINE:  # never ours: do not keep it
            self._rest = b""
        return list(self._decode(lines))

    def _decode(self, lines: list[bytes]) -> Iterator[Event]:
        for line in lines:
            if not line.strip():
                continue
            event = decode(line) if len(line) <= 2 * MAX_LINE else None
            if event is None:
                self.skipped += 1
            else:
                yield event


def read_events(path: Path) -> list[Event]:
    """All events in `path`, oldest first; damaged lines are left out."""
    reader, events = EventReader(path), []
    while chunk := reader.read():
        events += chunk
    return events


def clipped(text: str, limit: int = 2000) -> str:
    """Foreign text made fit for an event."""
    return printable(text, limit)
