"""Keeps compared pairs in the user's cache folder, so that a leaderboard opens with its verdicts the next time.

An entry is found only while all files that it was made from are unchanged: by name, inode, size and modification time
of everything in the two folders with results and samples, of the plans and of the done records. The cache is one SQLite
file; entries that were not used for longest go first. A cache that is damaged, of another version or cannot be written
is done without: pairs are then compared anew.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from benchtui import __version__
from benchtui.errors import BenchtuiError
from benchtui.runs.result_files import latest_results, run_directory

FILE = "leaderboard.sqlite"
SCHEMA = 2
"""Raised by one when what is kept, or how it is computed, changes."""
SETTLED = 2.0
"""Seconds without a change after which files count: a second change within one tick of the clock would be invisible."""
MOST = 20_000
"""Entries that are kept; one of four tasks has about 4 kB."""
LARGEST = 4 * 1024 * 1024
"""Bytes of one entry that are read."""

Record = TypeVar("Record")
Identity = tuple[tuple[str, int, int, int], ...]
"""Name, modification time, size and inode of each file."""


class PairStore(Generic[Record]):
    """What was made of runs, by the runs; `kind` is the type of a record."""

    def __init__(self, kind: type[Record], folder: Path | None = None) -> None:
        self._file = (folder or _cache_folder()) / FILE
        self._kind = kind
        self._identities: dict[Path, Identity | None] = {}

    def find(self, wanted: Sequence[tuple[str, Sequence[Path]]]) -> dict[int, Record]:
        """Return the kept records by their place in `wanted`: what was computed, and of which run directories."""
        keys = {key: number for number, (what, runs) in enumerate(wanted) if (key := self._key(what, runs)) is not None}
        found: dict[int, Record] = {}
        decoder = msgspec.msgpack.Decoder(self._kind)
        with contextlib.suppress(sqlite3.Error), self._open() as database:
            for some in _in_parts(list(keys)):
                marks = ",".join("?" * len(some))
                rows = database.execute(
                    f"SELECT key, record FROM pairs WHERE key IN ({marks}) AND length(record) <= {LARGEST}",  # noqa: S608 - marks
                    some,
                ).fetchall()
                for key, record in rows:
                    with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TypeError):
                        found[keys[key]] = decoder.decode(record)
                used = [(int(time.time()), key) for key, _ in rows]
                database.executemany("UPDATE pairs SET used = ? WHERE key = ?", used)
        return found

    def note(self, runs: Sequence[Path]) -> None:
        """Take the identities of runs that are read next."""
        for run in runs:
            if run not in self._identities:
                self._identities[run] = identity(run)

    def keep(self, what: str, runs: Sequence[Path], record: Record) -> None:
        """Keep a record of run directories whose identities were taken before they were read (see `note`)."""
        key = self._key(what, runs)
        if key is None or not all(_settled(self._identities[run]) for run in runs):
            return
        row = (key, int(time.time()), msgspec.msgpack.encode(record))
        with contextlib.suppress(sqlite3.Error), self._open() as database:
            database.execute("INSERT OR REPLACE INTO pairs VALUES (?, ?, ?)", row)
            database.execute(
                "DELETE FROM pairs WHERE key IN (SELECT key FROM pairs ORDER BY used DESC LIMIT -1 OFFSET ?)", (MOST,)
            )

    def _key(self, what: str, runs: Sequence[Path]) -> bytes | None:
        import hashlib

        self.note(runs)
        identities = [self._identities[run] for run in runs]
        if None in identities:
            return None
        text = repr((SCHEMA, __version__, what, [str(run) for run in runs], identities))
        return hashlib.sha256(text.encode("utf-8", "backslashreplace")).digest()

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Open the cache for one transaction; one that is no database is deleted first. Raises sqlite3.Error."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise sqlite3.OperationalError(str(error)) from None
        if not (self._file.is_file() or not self._file.exists()) or self._file.is_symlink():
            raise sqlite3.OperationalError("no file of ours")  # SQLite would write through a link
        database = sqlite3.connect(self._file, timeout=1.0)
        try:
            try:
                _create(database)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):  # locked, read-only, no room
                    raise
                database.close()
                self._delete()
                database = sqlite3.connect(self._file, timeout=1.0)
                _create(database)
            with database:
                yield database
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:  # damaged further on: made anew the next time
            self._delete()
            raise
        finally:
            database.close()

    def _delete(self) -> None:
        with contextlib.suppress(OSError):
            self._file.unlink()


def _create(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA synchronous = OFF")  # a cache: what a crash damages is made again
    database.execute("CREATE TABLE IF NOT EXISTS pairs (key BLOB PRIMARY KEY, used INTEGER, record BLOB) WITHOUT ROWID")


def _in_parts(keys: Sequence[bytes], size: int = 500) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(keys), size):
        yield keys[start : start + size]


def identity(run: Path) -> Identity | None:
    """Return the identity of the files that a comparison reads of a run; None where it has no results."""
    folder = run / "lm-eval"
    files = _listed(folder)
    if not any(name.startswith("results") for name, *_ in files):
        try:
            file = run if run.is_file() else latest_results(run)
        except BenchtuiError:
            return None
        folder = file.parent
        files = [("", *_facts(file)), *_listed(folder)]
    records = run_directory(folder / "results.json").records
    return (*files, *((name, *_facts(records / name)) for name in ("plan.json", "done.json")))


def _listed(folder: Path) -> list[tuple[str, int, int, int]]:
    try:
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.stat()) for entry in entries if entry.name.startswith(("results", "samples"))]
    except OSError:
        return []
    return sorted((name, facts.st_mtime_ns, facts.st_size, facts.st_ino) for name, facts in found)


def _facts(file: Path) -> tuple[int, int, int]:
    try:
        facts = file.stat()
    except OSError:
        return (0, 0, 0)
    return facts.st_mtime_ns, facts.st_size, facts.st_ino


def _settled(files: Identity | None) -> bool:
    return files is not None and max((changed for _, changed, _, _ in files), default=0) < (time.time() - SETTLED) * 1e9


def _cache_folder() -> Path:
    from benchtui.tasks.cache import cache_folder

    return cache_folder()
