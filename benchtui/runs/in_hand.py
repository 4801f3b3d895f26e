"""The one document whose prompt the worker is building, or whose answer it is scoring.

Such work is the tasks' own code and may hang. An event for each document would be too many, so its name is written
again and again into one small file of a fixed size, where the supervisor reads it when the worker has stalled.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import msgspec

from benchtui.files import open_run_file, read_regular
from benchtui.runs.events import InFlightDocument

SIZE = 1024
"""Bytes of the file: written in place, so that a full disk cannot keep the name from being written."""
MOST_CHARACTERS = 100


class InHand(msgspec.Struct, frozen=True):
    """`doing` "" when the worker waits for the model: its documents are in the last in-flight event then."""

    task: str = ""
    document: InFlightDocument | None = None
    doing: Literal["", "building its prompt", "scoring its answer"] = ""


class InHandWriter:
    """Raises OSError when the file cannot be made."""

    def __init__(self, path: Path) -> None:
        self._descriptor = open_run_file(path, os.O_RDWR)
        self._clear = True
        self._write(InHand())

    def take(
        self, task: str, doc_id: int, first_line: str, doing: Literal["building its prompt", "scoring its answer"]
    ) -> None:
        self._write(InHand(task[:200], InFlightDocument(doc_id, first_line[:MOST_CHARACTERS]), doing))
        self._clear = False

    def clear(self) -> None:
        if not self._clear:
            self._write(InHand())
            self._clear = True

    def _write(self, content: InHand) -> None:
        line = msgspec.json.encode(content)
        os.pwrite(self._descriptor, line.ljust(SIZE) if len(line) <= SIZE else b" " * SIZE, 0)

    def close(self) -> None:
        os.close(self._descriptor)


def read_in_hand(path: Path) -> InHand:
    """Nothing in hand when the file is missing or damaged."""
    try:
        return msgspec.json.decode(read_regular(path).strip(b" \0") or b"{}", type=InHand)
    except (OSError, msgspec.MsgspecError):
        return InHand()
