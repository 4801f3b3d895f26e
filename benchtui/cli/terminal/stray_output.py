"""Keep what native code prints (a driver, a tokenizer, malloc) from being drawn across a full screen."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from io import TextIOWrapper
from typing import IO

KEPT = 10_000
"""Bytes of it that can be asked for."""


@contextmanager
def stray_output_held() -> Iterator[Callable[[], list[str]]]:
    """Send file descriptors 1 and 2 into a temporary file, while Python's own streams still write to the terminal.

    Yields a function that returns the newest lines in that file.
    """
    streams = sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__
    with tempfile.TemporaryFile() as held, ExitStack() as undo:
        sys.stdout = sys.__stdout__ = _moved(1, held.fileno(), undo)  # type: ignore[misc]
        sys.stderr = sys.__stderr__ = _moved(2, held.fileno(), undo)  # type: ignore[misc]
        try:
            yield lambda: _newest(held)
        finally:
            sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__ = streams  # type: ignore[misc]


def _moved(descriptor: int, to: int, undo: ExitStack) -> TextIOWrapper:
    """Return a stream to where the descriptor led until now; the descriptor itself then leads to `to`."""
    (sys.stdout if descriptor == 1 else sys.stderr).flush()
    kept = os.dup(descriptor)
    stream = undo.enter_context(os.fdopen(kept, "w", encoding="utf-8", errors="replace", buffering=1))
    os.dup2(to, descriptor)
    undo.callback(os.dup2, kept, descriptor)
    return stream


def _newest(held: IO[bytes]) -> list[str]:
    size = held.seek(0, os.SEEK_END)
    held.seek(max(0, size - KEPT))
    return held.read().decode("utf-8", "replace").splitlines()
