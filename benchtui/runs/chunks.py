"""Chunks of a run's documents, given to the workers of a run that has several: what the supervisor appends, and each
worker reads, in the `chunks.jsonl` of its own shard.

One line of JSON a chunk, or that a work unit is dropped; a line `null` says that nothing more will come. The supervisor
empties the file before a worker starts.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from benchtui.files import open_regular_file, open_run_file

_LONGEST_LINE = 4096


class WorkUnit(msgspec.Struct, frozen=True):
    """What is cut into chunks: tasks whose documents come in one order, which every worker makes in the same way.
    `size` is how many documents they have together. After each `look` documents it may be decided that no more are
    needed; 0 where all are."""

    name: str
    size: int
    look: int = 0


class Chunk(msgspec.Struct, frozen=True, tag="chunk"):
    """The documents of a work unit at the places from `start` up to and without `stop`; `number` counts the chunks of
    a run."""

    number: int
    unit: str
    start: int
    stop: int

    @property
    def size(self) -> int:
        """How many documents it has."""
        return self.stop - self.start


class Dropped(msgspec.Struct, frozen=True, tag="dropped"):
    """What is given of this work unit and not yet begun is not to be answered: no more documents of it are needed."""

    unit: str


class ChunkWriter:
    """Appends chunks to the file of one shard, which is emptied first. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._descriptor = open_run_file(path, os.O_RDWR | os.O_APPEND | os.O_TRUNC, make_folder=True)

    def write(self, line: Chunk | Dropped | None) -> None:
        """Give one chunk, or take back what was given of a unit; None when no more will come. Raises OSError; the file
        then ends in a torn line at most, and nothing must be written after it."""
        text = msgspec.json.encode(line) + b"\n"
        written = os.write(self._descriptor, text)
        if written < len(text):  # a disk that filled up in the middle: the next write raises
            os.write(self._descriptor, text[written:])

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


class ChunkReader:
    """Follows the chunks of one shard."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self.ended = False
        """Whether no more will come."""
        self.dropped: set[str] = set()
        """The units of which no more is to be answered."""

    def read(self) -> list[Chunk]:
        """What was given since the last call; a torn last line waits for its end. Raises msgspec.MsgspecError for a
        file that no supervisor wrote."""
        try:
            with open_regular_file(self._path) as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        end = data.rfind(b"\n") + 1
        self._offset += end
        found = []
        for text in data[:end].splitlines():
            line = msgspec.json.decode(text[:_LONGEST_LINE], type=Chunk | Dropped | None)
            if line is None:
                self.ended = True
            elif isinstance(line, Dropped):
                self.dropped.add(line.unit)
            else:
                found.append(line)
        return found
