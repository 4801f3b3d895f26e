"""Follow runs from a thread: read what is new, keep little, tell the screen at most ten times a second."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from textual.message import Message

from benchtui.displays.narrator import Line, Narrator
from benchtui.files import open_regular_file
from benchtui.machine import MachineMeter, MachineReading
from benchtui.reports.wording.glyphs import UNICODE
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import Event, InFlight, Log
from benchtui.runs.follow.state import RunFollower
from benchtui.runs.follow.view import RunView
from benchtui.runs.journal.newest import NewestAnswer, newest_answers
from benchtui.runs.kinds.benchmark.events import Marked
from benchtui.text import printable

LINES_WAITING = 300
"""Log lines that may wait for the screen; older ones are in the files."""
LINE = 400
CHUNK = 64 * 1024
SKIP_BEYOND = 512 * 1024
"""Bytes of the worker's output that are read to catch up; what lies before them is left out."""
SLOW_EVERY = 1.0
"""Seconds between looks at machine and journal."""
SAMPLES = 30
DOCUMENTS = 500

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Snapshot:
    """Everything the screen draws, at one moment."""

    views: tuple[RunView, ...]
    machine: MachineReading | None
    newest: tuple[NewestAnswer, ...]
    questions: Mapping[tuple[str, int], str]
    """The first line of the question of each document that was in hand lately, by task and number."""
    marks: Mapping[tuple[str, int], bool | None]
    """Whether the newest answers are right, by task and number; None where there is no right and wrong."""


class Tick(Message):
    """There is a newer snapshot; one that was not yet handled is replaced by the next."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, Tick)


class RunReader:
    """`snapshot` is always the latest; `take_lines` gives the log lines since it was last asked."""

    def __init__(self, runs: Sequence[RunDirectory]) -> None:
        self._followers = [RunFollower(run) for run in runs]
        self._narrators = [Narrator(UNICODE) for _ in runs]
        self._outputs = [OutputTail(run.worker_log) for run in runs]
        self._lines: deque[str] = deque(maxlen=LINES_WAITING)
        self._lock = threading.Lock()
        self._slow_at = float("-inf")
        self._meter: MachineMeter | None = None
        self._answering = 0
        self._questions: list[dict[tuple[str, int], str]] = [{} for _ in runs] or [{}]
        self._marks: list[dict[tuple[str, int], bool | None]] = [{} for _ in runs] or [{}]
        self.snapshot = Snapshot((), None, (), {}, {})

    def read(self) -> bool:
        """Take in what is new; True when there is more to draw than before."""
        before, more = self.snapshot, False
        views = []
        for place, follower in enumerate(self._followers):
            view = follower.update()
            views.append(view)
            printed = self._outputs[place].read()
            told = self._tell(place, view, follower.new) if follower.new else []
            self._keep([*printed, *told])
            more = more or bool(printed or follower.new)
        machine, newest = before.machine, before.newest
        now = time.monotonic()
        if now - self._slow_at >= SLOW_EVERY:
            self._slow_at, more = now, True
            machine, newest = self._look(views, newest)
        questions, marks = self._questions[self._answering], self._marks[self._answering]
        self.snapshot = Snapshot(tuple(views), machine, newest, questions, marks)
        return more

    def _look(
        self, views: Sequence[RunView], newest: tuple[NewestAnswer, ...]
    ) -> tuple[MachineReading, tuple[NewestAnswer, ...]]:  # fmt: skip
        self._meter = self._meter or MachineMeter()
        going = [place for place, view in enumerate(views) if view.state == "running" and view.phase is not None]
        latest = max(going, key=lambda place: views[place].last_sign or 0.0, default=None)
        answers = newest_answers(views[latest].run, SAMPLES) if latest is not None else []
        if latest is not None and answers:
            self._answering, newest = latest, tuple(answers)
        return self._meter.read(), newest

    def _tell(self, place: int, view: RunView, new: Sequence[Event]) -> list[str]:
        """Return all messages of the log, and the narrator's lines about everything else."""
        lines = self._narrators[place].tell(view, [event for event in new if not isinstance(event, Log)])
        for event in new:
            if isinstance(event, InFlight):
                asked = {(event.task, document.doc_id): document.first_line for document in event.documents}
                self._questions[place] = _newest(self._questions[place], asked)
            elif isinstance(event, Marked):
                asked = {(event.task, mark.doc_id): mark.first_line for mark in event.marks if mark.first_line}
                self._questions[place] = _newest(self._questions[place], asked)
                marks = {(event.task, mark.doc_id): mark.right for mark in event.marks}
                self._marks[place] = _newest(self._marks[place], marks)
        for event in new[-LINES_WAITING:]:
            if isinstance(event, Log):
                lines.append(Line(event.t, f"{event.level}: {printable(event.message, LINE)}"))
        role = view.role if len(self._followers) > 1 else ""
        return [line.worded(role) for line in sorted(lines, key=lambda line: line.t)]

    def _keep(self, lines: Sequence[str]) -> None:
        with self._lock:
            self._lines.extend(part for line in lines for part in line.splitlines()[:20])

    def take_lines(self) -> list[str]:
        with self._lock:
            taken = list(self._lines)
            self._lines.clear()
        return taken


def _newest(known: Mapping[Key, Value], more: Mapping[Key, Value]) -> dict[Key, Value]:
    """Return the newest entries of both, in a new mapping, since the screen may be reading the old one."""
    return {**dict(list(known.items())[-DOCUMENTS:]), **more}


class OutputTail:
    """What a worker printed, from a file that may be huge."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._offset = 0
        self._rest = b""

    def read(self) -> list[str]:
        """The lines since the last call; a gap is named."""
        try:
            with open_regular_file(self._file) as file:
                size = os.fstat(file.fileno()).st_size
                lines = []
                if size < self._offset:
                    self._offset, self._rest = 0, b""
                if size - self._offset > SKIP_BEYOND:
                    lines.append(f"         … {(size - CHUNK - self._offset) / 1e6:,.1f} MB of output left out …")
                    self._offset, self._rest = size - CHUNK, b""
                file.seek(self._offset)
                data = file.read(CHUNK)
        except OSError:
            return []
        self._offset += len(data)
        *whole, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[-4 * LINE :]
        return lines + [f"         {text}" for line in whole if (text := _printed(line))]


def _printed(line: bytes) -> str:
    """Return what a terminal would show at the end of a line that was written over (progress bars)."""
    last = line.rstrip(b"\r").rsplit(b"\r", 1)[-1]
    return printable(last[: 4 * LINE].decode("utf-8", "replace").rstrip(), LINE)
