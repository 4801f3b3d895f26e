"""Every answered request, on disk as soon as it is answered, so that nothing computed is ever lost or asked again."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from benchtui.errors import BenchtuiError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answers (
    task TEXT NOT NULL, doc_id INTEGER NOT NULL, idx INTEGER NOT NULL, repeat INTEGER NOT NULL,
    request TEXT NOT NULL, answer TEXT NOT NULL, t REAL NOT NULL,
    PRIMARY KEY (task, doc_id, idx, repeat)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS skipped (
    task TEXT NOT NULL, doc_id INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (task, doc_id)) WITHOUT ROWID;
"""


class RequestKey(msgspec.Struct, frozen=True):
    """One question to the model: `idx` counts a document's requests, `repeat` the samples drawn of one request."""

    task: str
    doc_id: int
    idx: int
    repeat: int = 0


class JournalMismatchError(BenchtuiError):
    """The journal was written for something else; `differences` says what, in words."""

    def __init__(self, path: Path, differences: list[str]) -> None:
        super().__init__(
            f"{path} holds answers made with other settings ({'; '.join(differences)}).",
            "Start a new run, or use the same settings to go on with this one.",
        )
        self.differences = differences


class Journal:
    """A SQLite file in write-ahead mode: one writer, any number of readers, whole after a kill at any moment.

    Every `record` is its own transaction, so what it returned from is on disk for any other process. Raises
    sqlite3.OperationalError when the disk is full; what was recorded before stays readable.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        if read_only:
            self._db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, timeout=10)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = _open_or_salvage(path)

    def bind(self, facts: dict[str, Any]) -> None:
        """Tie the journal to what its answers depend on. Raises JournalMismatchError when that has changed."""
        stored = {key: json.loads(value) for key, value in self._db.execute("SELECT key, value FROM meta")}
        normal = {key: json.loads(json.dumps(value)) for key, value in facts.items()}
        differences = [
            f"{key}: {stored[key]!r} there, {value!r} now"
            for key, value in normal.items()
            if key in stored and stored[key] != value
        ]
        if differences:
            raise JournalMismatchError(self.path, differences)
        self._db.executemany(
            "INSERT OR IGNORE INTO meta VALUES (?, ?)", [(key, json.dumps(value)) for key, value in normal.items()]
        )

    def record(self, key: RequestKey, request: str, answer: Any) -> None:
        """Keep `answer` (anything JSON can hold) to the request with digest `request`."""
        self._db.execute(
            "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)",
            (key.task, key.doc_id, key.idx, key.repeat, request, json.dumps(answer), time.time()),
        )

    def answers(self, task: str) -> dict[RequestKey, tuple[str, Any]]:
        """Request digest and answer for everything answered in `task`."""
        rows = self._db.execute("SELECT doc_id, idx, repeat, request, answer FROM answers WHERE task = ?", (task,))
        return {
            RequestKey(task, doc, idx, rep): (request, json.loads(answer)) for doc, idx, rep, request, answer in rows
        }

    def newest(self, limit: int) -> list[tuple[RequestKey, Any]]:
        """The most recent answers, newest first."""
        rows = self._db.execute(
            "SELECT task, doc_id, idx, repeat, answer FROM answers ORDER BY t DESC LIMIT ?", (limit,)
        )
        return [(RequestKey(task, doc, idx, rep), json.loads(answer)) for task, doc, idx, rep, answer in rows]

    def count(self) -> int:
        return int(self._db.execute("SELECT COUNT(*) FROM answers").fetchone()[0])

    def skip(self, task: str, doc_id: int, reason: str) -> None:
        """Never ask this document again in this run; it is reported as unanswered."""
        self._db.execute("INSERT OR REPLACE INTO skipped VALUES (?, ?, ?)", (task, doc_id, reason))

    def skipped(self, task: str | None = None) -> dict[tuple[str, int], str]:
        rows = self._db.execute("SELECT task, doc_id, reason FROM skipped")
        return {(name, doc): reason for name, doc, reason in rows if task is None or name == task}

    def forget_skipped(self) -> None:
        self._db.execute("DELETE FROM skipped")

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def request_digest(request_type: str, arguments: tuple[Any, ...]) -> str:
    """Digest of what is asked, so that a resumed run never takes an answer to another prompt."""
    text = json.dumps([request_type, *arguments], sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def answered_requests(path: Path) -> int:
    """How many answers a journal holds; 0 when there is none or it cannot be read."""
    if not path.is_file():
        return 0
    try:
        with Journal(path, read_only=True) as journal:
            return journal.count()
    except sqlite3.Error:
        return sum(1 for _ in _readable_rows(path, "answers"))


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, timeout=10)
    # Write-ahead: a commit is one append, and a torn tail is dropped by checksum. Where the file system cannot do it
    # (some network mounts) SQLite stays in its rollback mode, which is slower and as safe.
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=NORMAL")
    db.executescript(_SCHEMA)
    return db


def _open_or_salvage(path: Path) -> sqlite3.Connection:
    try:
        db = _connect(path)
        if db.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok":
            return db
        db.close()
    except sqlite3.OperationalError:
        raise  # a full disk or a read-only folder: the file itself is not damaged
    except sqlite3.DatabaseError:
        pass  # damaged: salvaged below, and the damaged file is kept beside it
    return _salvage(path)


def _salvage(path: Path) -> sqlite3.Connection:
    """A fresh journal with every row that can still be read; the damaged file stays as journal.damaged-N.sqlite."""
    rows = {table: list(_readable_rows(path, table)) for table in ("meta", "answers", "skipped")}
    n = 1
    while (kept := path.with_name(f"{path.stem}.damaged-{n}{path.suffix}")).exists():
        n += 1
    path.rename(kept)
    for tail in ("-wal", "-shm"):
        path.with_name(path.name + tail).unlink(missing_ok=True)
    db = _connect(path)
    for table, found in rows.items():
        if found:
            marks = ", ".join("?" * len(found[0]))
            db.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", found)  # noqa: S608 - our own names
    return db


def _readable_rows(path: Path, table: str) -> Iterator[tuple[Any, ...]]:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            yield from db.execute(f"SELECT * FROM {table}")  # noqa: S608 - our own table names
    except sqlite3.Error:
        return  # the rest of this table is lost; what was read is kept
