"""The SQLite file under the journal: opened, read whatever its state, and salvaged when it is damaged."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answers (
    task TEXT NOT NULL, doc_id INTEGER NOT NULL, idx INTEGER NOT NULL, repeat INTEGER NOT NULL,
    request TEXT NOT NULL, answer TEXT NOT NULL, t REAL NOT NULL, mark INTEGER NOT NULL,
    PRIMARY KEY (task, doc_id, idx, repeat)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS skipped (
    task TEXT NOT NULL, doc_id INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (task, doc_id)) WITHOUT ROWID;
"""
_KEYS = {"meta": "key", "answers": "task, doc_id, idx, repeat", "skipped": "task, doc_id"}
_MAGIC = b"SQLite format 3\0"
_LARGEST_PADDING = 1 << 28


def open_or_salvage(path: Path) -> tuple[sqlite3.Connection, str]:
    """The journal for writing, and what was salvaged, in words ("" when nothing was wrong).

    Raises sqlite3.OperationalError or OSError when the disk is full or the folder cannot be written.
    """
    try:
        db = _connect(path)
        if db.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok":
            return db, ""
        db.close()
    except sqlite3.OperationalError:
        raise  # a full disk or a read-only folder: the file itself is not damaged
    except sqlite3.DatabaseError:
        pass  # damaged: salvaged below, and the damaged file is kept beside it
    said = _salvage(path)
    return _connect(path), said


def open_read_only(path: Path) -> sqlite3.Connection:
    """A reader needs the -shm file beside the journal; where that cannot be made, the file is read as it lies."""
    for flags in ("mode=ro", "mode=ro&immutable=1"):
        db = sqlite3.connect(f"{path.absolute().as_uri()}?{flags}", uri=True, isolation_level=None, timeout=10)
        db.text_factory = _text
        try:
            db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            db.close()
        except sqlite3.DatabaseError:
            db.close()
            raise
        else:
            return db
    raise sqlite3.OperationalError(f"{path} cannot be opened for reading")


def readable_rows(path: Path, table: str) -> list[tuple[Any, ...]]:
    """What can be read of a damaged file: from the front up to the damage, and from the end back to it."""
    found: dict[tuple[Any, ...], None] = {}
    for direction in ("ASC", "DESC"):
        order = ", ".join(f"{column} {direction}" for column in _KEYS[table].split(", "))
        with suppress(sqlite3.Error), closing(open_read_only(path)) as db:
            for row in db.execute(f"SELECT * FROM {table} ORDER BY {order}"):  # noqa: S608 - our own names
                found[row] = None
    return list(found)


def _text(raw: bytes) -> str:
    """Damaged text is text all the same; its checksum tells."""
    return raw.decode("utf-8", "replace")


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, timeout=10)
    db.text_factory = _text
    try:
        # Write-ahead: a commit is one append, and a torn tail is dropped by checksum. Where the file system cannot do
        # it (some network mounts) SQLite stays in its rollback mode, which is slower and as safe.
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.executescript(_SCHEMA)
    except BaseException:
        db.close()
        raise
    return db


def _salvage(path: Path) -> str:
    """Replace the file by one with every row that can still be read; it stays beside as journal.damaged-N.sqlite."""
    with _whole_length_copy(path) as copy:
        rows = {table: readable_rows(copy, table) for table in _KEYS}
    fresh = path.with_name(f".{path.name}.salvaged")
    fresh.unlink(missing_ok=True)
    with closing(_connect(fresh)) as db:
        db.execute("BEGIN")
        for table, found in rows.items():
            if found:
                marks = ", ".join("?" * len(found[0]))
                db.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", found)  # noqa: S608 - our own names
        db.execute("COMMIT")
    n = 1
    while (kept := path.with_name(f"{path.stem}.damaged-{n}{path.suffix}")).exists():
        n += 1
    shutil.copy2(path, kept)
    for tail in ("-wal", "-shm"):  # first: SQLite would apply the old log to the new file
        path.with_name(path.name + tail).unlink(missing_ok=True)
    fresh.replace(path)
    return f"The journal was damaged: {len(rows['answers'])} answers could be read, the file is kept as {kept.name}."


@contextmanager
def _whole_length_copy(path: Path) -> Iterator[Path]:
    """A copy as long as its header says: SQLite reads nothing at all of a file that was cut short."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".salvage-") as folder:
        copy = Path(folder) / path.name
        shutil.copyfile(path, copy)
        log = path.with_name(path.name + "-wal")
        if log.exists():
            shutil.copyfile(log, copy.with_name(log.name))
        with copy.open("r+b") as file:
            missing = _length_in_header(file.read(32)) - copy.stat().st_size
            if 0 < missing < _LARGEST_PADDING:
                file.truncate(copy.stat().st_size + missing)
        yield copy


def _length_in_header(header: bytes) -> int:
    """Bytes; 0 where there is no header. Format: https://sqlite.org/fileformat.html, 1.3."""
    if len(header) < 32 or not header.startswith(_MAGIC):
        return 0
    page = int.from_bytes(header[16:18], "big")
    return (65536 if page == 1 else page) * int.from_bytes(header[28:32], "big")
