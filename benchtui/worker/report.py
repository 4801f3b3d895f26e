"""What the worker tells the world: events, throttled so that a fast evaluation writes little, and never a heartbeat."""

from __future__ import annotations

import inspect
import logging
import os
import re
import socket
import ssl
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from benchtui.runs.events import (
    Advance,
    Decision,
    Event,
    EventWriter,
    InFlight,
    InFlightDocument,
    Log,
    Phase,
    Warned,
    clipped,
)
from benchtui.runs.kinds.benchmark.events import Mark, Marked

ADVANCE_INTERVAL = 1.0
IN_FLIGHT_SHOWN = 32
MARK_INTERVAL = 0.5
MARKS_SHOWN = 40
LOG_LINES_PER_SECOND = 20
LOG_MESSAGES_KEPT = 10_000

PhaseName = Literal["starting", "loading model", "loading task", "building prompts", "evaluating", "scoring", "writing"]
Unit = Literal["bytes", "tokens", "documents", "prompts", "modules", "tasks", "tensors"]
_LOADING: frozenset[PhaseName] = frozenset({"starting", "loading model", "loading task"})
_WEIGHTS = "Loading weights"
"""What transformers calls its progress bar over the tensors of a model (5.x, core_model_loading.py)."""


class Reporter:
    """Writes one run's events. Only work that advanced calls it: nothing here runs by itself."""

    def __init__(self, writer: EventWriter) -> None:
        self._writer = writer
        self._advanced: dict[Unit, int] = {}
        self._received = 0
        self._loading = False
        self._advance_at = 0.0
        self._marks: deque[Mark] = deque(maxlen=MARKS_SHOWN)
        self._marks_at = 0.0
        self._chosen: dict[str, str] = {}
        self.tokens = 0
        self.task = ""

    def emit(self, event: Event) -> None:
        self._writer.emit(event)

    def phase(self, name: PhaseName, task: str = "", detail: str = "") -> None:
        self._loading = name in _LOADING
        self.emit(Phase(name=name, task=task, detail=detail))

    def advance(self, unit: Unit, amount: int, total: int = 0) -> None:
        """A step of real work; told at most once a second, with what was done since."""
        self._advanced[unit] = self._advanced.get(unit, 0) + amount
        self._tell_advance(unit, total)

    def received(self, amount: int) -> None:
        """Bytes from the network: while models and data are loaded a sign of life, however few they are. Progress bars
        only count what was written to a file, in blocks of megabytes."""
        self._received += amount
        if self._loading:
            self._tell_advance("bytes", 0)

    def _tell_advance(self, unit: Unit, total: int) -> None:
        now = time.monotonic()
        if now - self._advance_at < ADVANCE_INTERVAL:
            return
        self._advance_at = now
        done = self._advanced.get(unit, 0)
        if unit == "bytes":
            done = max(done, self._received)  # mostly the same bytes, counted in two places
        self.emit(Advance(unit=unit, done=done, total=total, task=self.task))

    def mark(self, doc_id: int, right: bool | None, first_line: str) -> None:
        """An answer was marked; `tell_marks` tells it, if it is then among the newest."""
        self._marks.append(Mark(doc_id, right, first_line))

    def tell_marks(self, task: str, *, force: bool = False) -> None:
        """Tell the newest marks, at most twice a second unless `force`: call it when a batch of answers is marked."""
        now = time.monotonic()
        if self._marks and (force or now - self._marks_at >= MARK_INTERVAL):
            self._marks_at = now
            self.emit(Marked(task=task, marks=list(self._marks)))
            self._marks.clear()

    def decision(self, what: str, choice: str, why: str) -> None:
        """Something chosen for the user; told again only when the choice is another."""
        if self._chosen.get(what) == choice:
            return
        self._chosen[what] = choice
        self.emit(Decision(what=what, choice=choice, why=why))

    def warn(self, message: str, next_step: str = "") -> None:
        self.emit(Warned(message=clipped(message), next_step=next_step))

    def in_flight(self, task: str, documents: Sequence[tuple[int, str]]) -> None:
        """The documents being worked on from now, each with the first line of its question; the last such event names
        them if nothing follows."""
        shown = [InFlightDocument(doc, first_line) for doc, first_line in documents[:IN_FLIGHT_SHOWN]]
        self.emit(InFlight(task=task, documents=shown))

    def count_tokens(self, n: int) -> None:
        self.tokens += n
        self.advance("tokens", n)

    def close(self) -> None:
        self._writer.close()


_NUMBER = re.compile(r"\d+")

# What lm-eval and transformers say to whoever calls them, on every run, and no user of benchtui can act on.
_ADVICE = (
    "Custom kwargs can be passed to",
    "`pretrained` model kwarg is not of type",
    "Passed an already-initialized model through",
)


def _is_advice(message: str) -> bool:
    return any(phrase in message for phrase in _ADVICE)


class EventLogHandler(logging.Handler):
    """Turns the libraries' warnings into log events: one of each kind (numbers aside), and only a few a second."""

    def __init__(self, reporter: Reporter) -> None:
        super().__init__(logging.WARNING)
        self.reporter = reporter
        self._seen: set[str] = set()
        self._second = 0
        self._in_second = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = clipped(record.getMessage(), 500)
        except (TypeError, ValueError) as error:  # a library's broken format string is not our user's problem
            message = f"{record.name}: unreadable log message ({error})"
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._in_second = second, 0
        self._in_second += 1
        if self._in_second > LOG_LINES_PER_SECOND or len(self._seen) > LOG_MESSAGES_KEPT:
            return
        kind = _NUMBER.sub("#", message)
        if kind in self._seen or _is_advice(message):
            return
        self._seen.add(kind)
        level: Any = "error" if record.levelno >= logging.ERROR else "warning"
        self.reporter.emit(Log(level=level, message=message))


def listen(listener: EventLogHandler) -> None:
    """From now on, turn the libraries' warnings into events; and imports, progress bars and downloads into signs of
    life."""
    logging.getLogger().addHandler(listener)
    report_imports(listener)
    report_progress_bars(listener)
    report_received_bytes(listener)


class _ImportsAdvance:
    """A finder that finds nothing: Python asks it about every module before it looks for it."""

    def __init__(self, listener: EventLogHandler) -> None:
        self._listener = listener

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:  # noqa: ARG002 - importlib's signature
        self._listener.reporter.advance("modules", 1)


def report_imports(listener: EventLogHandler) -> None:
    """Make every module that is imported a sign of life: PyTorch and lm-eval bring thousands, from a disk that may be
    slow."""
    finder: Any = _ImportsAdvance(listener)
    sys.meta_path.insert(0, finder)


def report_progress_bars(listener: EventLogHandler) -> None:
    """Make every library's progress bar (downloads, weights, prompts) a sign of life instead of lines in the log."""
    from tqdm.std import tqdm

    begin, update = tqdm.__init__, tqdm.update
    signature = inspect.signature(begin)
    nowhere = Path(os.devnull).open("w")  # noqa: SIM115 - for as long as the worker lives

    def unseen(bar: Any, *arguments: Any, **settings: Any) -> None:
        """Not by `disable`: such a bar counts nothing while it is iterated over."""
        bound = signature.bind(bar, *arguments, **settings)
        bound.arguments["file"] = nowhere
        begin(*bound.args, **bound.kwargs)

    def reporting_update(bar: Any, n: float = 1) -> Any:
        if n > 0:
            unit: Unit = "bytes" if getattr(bar, "unit", "") in ("B", "iB") else "documents"
            if str(getattr(bar, "desc", "")).startswith(_WEIGHTS):
                unit = "tensors"
            listener.reporter.advance(unit, int(n), int(bar.total or 0))
        return update(bar, n)

    tqdm.__init__ = unseen  # type: ignore[method-assign, assignment]
    tqdm.update = reporting_update  # type: ignore[method-assign, assignment]


def report_received_bytes(listener: EventLogHandler) -> None:
    """Make whatever comes from the network a sign of life while something is loaded: a slow download is no stall."""
    for kind in (socket.socket, ssl.SSLSocket):
        kind.recv = _counted(kind.recv, len, listener)  # type: ignore[method-assign]
        kind.recv_into = _counted(kind.recv_into, int, listener)  # type: ignore[method-assign]


def _counted(receive: Callable[..., Any], size: Callable[[Any], int], listener: EventLogHandler) -> Callable[..., Any]:
    def counting(connection: socket.socket, *arguments: Any, **settings: Any) -> Any:
        found = receive(connection, *arguments, **settings)
        if (amount := size(found)) and connection.family in (socket.AF_INET, socket.AF_INET6):
            listener.reporter.received(amount)
        return found

    return counting
