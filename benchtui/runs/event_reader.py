"""Reading events back: of a run of any kind, while it runs or later, from any process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchtui.files import open_regular_file
from benchtui.runs.events import MAX_LINE, Event
from benchtui.runs.kinds.benchmark.kind import BENCHMARK
from benchtui.runs.kinds.kind import Kind
from benchtui.runs.kinds.registry import kind_of_events


def decode(line: bytes, kind: Kind) -> Event | None:
    """The event in one line of a run of this kind; None when it is torn, damaged or from a newer version."""
    try:
        return kind.decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


class EventReader:
    """Follows an events file from any process: each `read()` gives what was appended since the last.

    Reads at most 1 MiB a call, so that a long file never stalls a display; a torn last line waits for its end; a file
    that was replaced or cut is read again from its start. The plan in run/ says which kind of run it is; without one it
    is taken for a benchmark, as every run of an earlier version is.
    """

    CHUNK = 1024 * 1024

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        self._rest = b""
        self._inode: int | None = None
        self._kind: Kind | None = None
        self.skipped = 0
        self.behind = False
        """Whether the last call left something in the file for the next."""

    def read(self) -> list[Event]:
        self.behind = False
        try:
            if self._is_unchanged():
                return []
            with open_regular_file(self.path) as file:
                status = os.fstat(file.fileno())
                if self._inode != status.st_ino or status.st_size < self._offset:
                    self._inode, self._offset, self._rest = status.st_ino, 0, b""
                file.seek(self._offset)
                data = file.read(self.CHUNK)
        except FileNotFoundError:
            return []
        self._offset += len(data)
        self.behind = len(data) == self.CHUNK
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > 4 * MAX_LINE:  # never ours: do not keep it
            self._rest = b""
        return list(self._decode(lines))

    def _is_unchanged(self) -> bool:
        """Whether all of the file was read before: one call of the system, for whoever asks many times a second."""
        status = self.path.stat()
        return (status.st_ino, status.st_size) == (self._inode, self._offset)

    def _decode(self, lines: list[bytes]) -> Iterator[Event]:
        if lines and self._kind is None:
            self._kind = kind_of_events(self.path)
        for line in lines:
            if not line.strip():
                continue
            event = decode(line, self._kind or BENCHMARK) if len(line) <= 2 * MAX_LINE else None
            if event is None:
                self.skipped += 1
            else:
                yield event


def reader_at_end(path: Path) -> EventReader:
    """A reader that gives only what is appended from now on."""
    reader = EventReader(path)
    while reader.read():
        pass
    return reader


def read_events(path: Path) -> list[Event]:
    """All events in `path`, oldest first; damaged lines are left out."""
    reader, events = EventReader(path), []
    while chunk := reader.read():
        events += chunk
    return events
