"""Turns what libraries print, import and download into events: their warnings, and signs of life."""

from __future__ import annotations

import inspect
import logging
import os
import re
import socket
import ssl
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchtui.runs.events import Log, clipped
from benchtui.worker.report import Reporter, Unit

LOG_LINES_PER_SECOND = 20
LOG_MESSAGES_KEPT = 10_000

_WEIGHTS = "Loading weights"
"""What transformers calls its progress bar over the tensors of a model (5.x, core_model_loading.py)."""

_NUMBER = re.compile(r"\d+")

# What lm-eval and transformers say to whoever calls them, on every run, and no user of benchtui can act on.
_ADVICE = (
    "Custom kwargs can be passed to",
    "`pretrained` model kwarg is not of type",
    "Passed an already-initialized model through",
)


def _is_advice(message: str) -> bool:
    return any(phrase in message for phrase in _ADVICE)


class LibraryListener(logging.Handler):
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


def listen(listener: LibraryListener) -> None:
    """From now on, turn the libraries' warnings into events; and imports, progress bars and downloads into signs of
    life."""
    logging.getLogger().addHandler(listener)
    report_imports(listener)
    report_progress_bars(listener)
    report_received_bytes(listener)


class _ImportsAdvance:
    """A finder that finds nothing: Python asks it about every module before it looks for it."""

    def __init__(self, listener: LibraryListener) -> None:
        self._listener = listener

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:  # noqa: ARG002 - importlib's signature
        self._listener.reporter.advance("modules", 1)


def report_imports(listener: LibraryListener) -> None:
    """Make every module that is imported a sign of life: PyTorch and lm-eval bring thousands, from a disk that may be
    slow."""
    finder: Any = _ImportsAdvance(listener)
    sys.meta_path.insert(0, finder)


def report_progress_bars(listener: LibraryListener) -> None:
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


def report_received_bytes(listener: LibraryListener) -> None:
    """Make whatever comes from the network a sign of life while something is loaded: a slow download is no stall."""
    for kind in (socket.socket, ssl.SSLSocket):
        kind.recv = _counted(kind.recv, len, listener)  # type: ignore[method-assign]
        kind.recv_into = _counted(kind.recv_into, int, listener)  # type: ignore[method-assign]


def _counted(receive: Callable[..., Any], size: Callable[[Any], int], listener: LibraryListener) -> Callable[..., Any]:
    def counting(connection: socket.socket, *arguments: Any, **settings: Any) -> Any:
        found = receive(connection, *arguments, **settings)
        if (amount := size(found)) and connection.family in (socket.AF_INET, socket.AF_INET6):
            listener.reporter.received(amount)
        return found

    return counting
