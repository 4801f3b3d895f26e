"""Keeps what was read of a model's runs beside them, so that a log of thousands of runs opens at once.

An entry is valid only while the files it was made from are unchanged: by inode, size and modification time of the
results file, the plan and the done record of the run and of its base, and by the modification time of the folder with
the samples. Everything else is read again. An index that is damaged, of another version, or cannot be written is
ignored.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from benchtui import __version__
from benchtui.files import BENCHMARKS, read_regular, write_run_file
from benchtui.runs.directory import RunDirectory, base_run
from benchtui.runs.result_files import result_files

FILE = ".history-index"
LARGEST = 256 * 1024 * 1024
SCHEMA = 2
SETTLED = 2.0
"""Seconds without a change after which files may be indexed: a second change within one tick of the clock would be
invisible."""

Record = TypeVar("Record")
Key = tuple[int, ...]


class _Entry(msgspec.Struct, Generic[Record], frozen=True):
    key: Key
    base: str | None
    base_key: Key
    record: Record


class _Index(msgspec.Struct, Generic[Record]):
    schema: int
    version: str
    entries: dict[str, _Entry[Record]]


class HistoryIndex(Generic[Record]):
    """The records of one model's runs by the names of their folders; `kind` is what a record is."""

    def __init__(self, model: Path, kind: type[Record]) -> None:
        self._benchmarks = model / BENCHMARKS
        self._file = self._benchmarks / FILE
        self._type: Any = _Index[kind]  # type: ignore[valid-type]
        self._bases: dict[str | None, Key] = {}
        self._before = self._read()
        self._now: dict[str, _Entry[Record]] = {}

    def find(self, run: RunDirectory, results: Path) -> Record | None:
        """Return the record of `run`, whose newest results file is `results`; None where there is none, or its files
        have changed."""
        name = self._name(run)
        entry = self._before.get(name)
        if entry is None or entry.key != _key(run, results) or entry.base_key != self._base_key(entry.base):
            return None
        self._now[name] = entry
        return entry.record

    def keep(self, run: RunDirectory, base: RunDirectory | None, record: Record) -> None:
        """Store what was just read of `run` and of the `base` that it is compared with."""
        key = _key(run)
        name = self._name(base) if base is not None else None
        base_key = self._base_key(name)
        if max((*key, *base_key), default=0) < (time.time() - SETTLED) * 1e9:
            self._now[self._name(run)] = _Entry(key, name, base_key, record)

    def write(self) -> None:
        """Write the index if it has changed."""
        if self._now == self._before:
            return
        index = _Index(SCHEMA, __version__, self._now)
        try:
            write_run_file(self._file, msgspec.msgpack.encode(index))
        except OSError:
            return  # a folder that we may not write: everything is read again next time

    def _read(self) -> dict[str, _Entry[Record]]:
        try:
            index = msgspec.msgpack.decode(read_regular(self._file, LARGEST), type=self._type)
        except (OSError, msgspec.MsgspecError, ValueError, RecursionError):
            return {}
        return index.entries if (index.schema, index.version) == (SCHEMA, __version__) else {}

    def _name(self, run: RunDirectory) -> str:
        return str(run.path)[len(str(self._benchmarks)) + 1 :]

    def _base_key(self, name: str | None) -> Key:
        """Return the key of the base; without a base, of the place where it would be."""
        if name not in self._bases:
            named = name is not None and ".." not in Path(name).parts
            self._bases[name] = _key(
                RunDirectory(self._benchmarks / str(name)) if named else base_run(self._benchmarks)
            )
        return self._bases[name]


def _key(run: RunDirectory, results: Path | None = None) -> Key:
    """Return the key of a run; `results` is its newest results file, where it is known."""
    run_folder = str(run.path)  # joined as text: there are tens of thousands of them
    places = (run_folder, f"{run_folder}/lm-eval", f"{run_folder}/run/plan.json", f"{run_folder}/run/done.json")
    if results is None:
        results = _newest_results(run)
    return tuple(number for place in (*places, str(results or "")) for number in _identity(place))


def _newest_results(run: RunDirectory) -> Path | None:
    try:
        found = result_files(run.lm_eval) or result_files(run.path)
    except OSError:
        return None
    return found[-1] if found else None


def _identity(place: str) -> Key:
    try:
        facts = os.stat(place)  # noqa: PTH116 - as above
    except OSError:
        return (0, 0, 0)
    return (facts.st_mtime_ns, facts.st_size, facts.st_ino)
