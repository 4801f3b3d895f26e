"""Write to a terminal or pipe that may be slow, stopped (Ctrl+S) or gone, without ever delaying the run."""

from __future__ import annotations

import os
import queue
import select
import threading
from collections.abc import Callable
from typing import Generic, Protocol, TextIO, TypeVar

T = TypeVar("T")


class Outlet(Generic[T]):
    """Takes items and writes them from a thread of its own; `encode` turns those that wait into bytes.

    `put` may be called from a signal handler. Once a write fails the outlet is `dead` and swallows everything.
    """

    def __init__(self, stream: TextIO, encode: Callable[[list[T]], bytes]) -> None:
        self._encode = encode
        self._items: queue.SimpleQueue[T | None] = queue.SimpleQueue()  # its put is reentrant
        self._sink = _sink(stream)
        self.dead = self._sink is None
        self._idle = True
        self._thread = threading.Thread(target=self._run, name="display", daemon=True)
        if not self.dead:
            self._thread.start()

    @property
    def backlog(self) -> int:
        """Items not yet written, the one in hand included."""
        return 0 if self.dead else self._items.qsize() + (not self._idle)

    def put(self, item: T) -> None:
        if not self.dead:
            self._items.put(item)

    def close(self, patience: float | None) -> None:
        """Write what waits, for at most `patience` seconds (None: as long as somebody reads)."""
        if self._thread.is_alive():
            self._items.put(None)
            self._thread.join(patience)

    def _run(self) -> None:
        sink, last = self._sink, False
        while sink is not None and not last:
            items, last = self._take()
            try:
                if items:
                    sink.write(self._encode(items))
            except (OSError, ValueError):  # the terminal is gone, the pipe or the file closed
                self.dead = True
                break
            self._idle = True
        if sink is not None:
            sink.close()

    def _take(self) -> tuple[list[T], bool]:
        """Everything that waits now, and whether the end is among it; blocks until there is something."""
        items: list[T] = []
        item = self._items.get()
        self._idle = False
        while item is not None:
            items.append(item)
            try:
                item = self._items.get_nowait()
            except queue.Empty:
                return items, False
        return items, True


class _Sink(Protocol):
    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...


class _DescriptorSink:
    """Writes to a duplicate of a descriptor, so that nobody's closing the original can point us at another file."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = os.dup(descriptor)

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:  # somebody made the terminal non-blocking
                select.select([], [self._descriptor], [], 1.0)

    def close(self) -> None:
        os.close(self._descriptor)


class _StreamSink:
    """For a stream that is no file, as in a notebook."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, data: bytes) -> None:
        self._stream.write(data.decode(self._stream.encoding or "utf-8", "replace"))
        self._stream.flush()

    def close(self) -> None:
        """The stream is not ours to close."""


def _sink(stream: TextIO) -> _Sink | None:
    """None where the stream is closed already."""
    try:
        stream.flush()
        return _DescriptorSink(stream.fileno())
    except (OSError, ValueError):  # io.UnsupportedOperation is both
        return None if stream.closed else _StreamSink(stream)
