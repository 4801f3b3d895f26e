"""The SQLite file under the journal: opened, read whatever its state, and salvaged when it is damaged."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from types import UnionType

from benchtui.errors import MADE_BY_NEWER, BenchtuiError
from benchtui.files import check_run_file, open_run_file
from benchtui.runs.journal.pages import Row, rows_anywhere

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answers (
    task TEXT NOT NULL, doc_id INTEGER NOT NULL, idx INTEGER NOT NULL, repeat INTEGER NOT NULL,
    request TEXT NOT NULL, answer TEXT NOT NULL, t REAL NOT NULL, mark INTEGER NOT NULL, facts TEXT,
    PRIMARY KEY (task, doc_id, idx, repeat)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS skipped (
    task TEXT NOT NULL, doc_id INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (task, doc_id)) WITHOUT ROWID;
"""
SCHEMA = 1
"""SQLite's `user_version` of our journals; 0 in those of earlier versions."""
_PLAIN_TABLE = re.compile(r"CREATE TABLE \w+ \([\w\s,()]*\) WITHOUT ROWID", re.ASCII)
_COMPUTES = re.compile(r"\b(AS|CHECK|DEFAULT|GENERATED|REFERENCES)\b", re.IGNORECASE)
_Kinds = tuple[type | UnionType, ...]
_WITHOUT_FACTS = 8
"""Columns of an answer in journals of earlier versions, which counted nothing."""
_COLUMNS: dict[str, _Kinds] = {
    "meta": (str, str),
    # SQLite stores a whole REAL as an integer.
    "answers": (str, int, int, int, str, str, float | int, int, str | None),
    "skipped": (str, int, str),
}


def open_or_salvage(path: Path) -> tuple[sqlite3.Connection, str]:
    """The journal for writing, and what was salvaged, in words ("" when nothing was wrong).

    Raises sqlite3.OperationalError or OSError when the disk is full or the folder cannot be written, BenchtuiError for
    a journal of a newer benchtui, which is left as it is.
    """
    try:
        db = _connect(path)
        if _is_ours(db) and db.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok":
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
    try:
        _check_places(path)
    except OSError as error:
        raise sqlite3.OperationalError(f"{error.filename} is not used: {error.strerror}") from None
    for flags in ("mode=ro", "mode=ro&immutable=1"):
        db = sqlite3.connect(f"{path.absolute().as_uri()}?{flags}", uri=True, isolation_level=None, timeout=10)
        db.text_factory = _text
        try:
            _check_ours(db, path)
        except sqlite3.OperationalError:
            db.close()
        except sqlite3.DatabaseError:
            db.close()
            raise
        else:
            return db
    raise sqlite3.OperationalError(f"{path} cannot be opened for reading")


def has_facts(db: sqlite3.Connection) -> bool:
    """Whether the answers have a column for what was counted of them: a reader cannot add it to an earlier journal."""
    return any(column[1] == "facts" for column in db.execute("PRAGMA table_info(answers)"))


def readable_answers(path: Path) -> int:
    """How many answers could be salvaged from a damaged file."""
    try:
        return len(_readable_rows(path)["answers"])
    except OSError:
        return 0


def _readable_rows(path: Path) -> dict[str, list[Row]]:
    """The rows of each table; of several versions of an answer the latest. Checksums are for the reader to check."""
    found: dict[str, dict[Row, Row]] = {table: {} for table in _COLUMNS}
    for stored in rows_anywhere(path):
        row = (*stored, None) if len(stored) == _WITHOUT_FACTS else stored
        table = next((name for name, kinds in _COLUMNS.items() if _fits(row, kinds)), None)
        if table is None:
            continue
        key = row[:4] if table == "answers" else row[:-1]
        known = found[table].get(key)
        if known is None or table != "answers" or float(row[6] or 0) >= float(known[6] or 0):
            found[table][key] = row
    return {table: list(rows.values()) for table, rows in found.items()}


def _fits(row: Row, kinds: _Kinds) -> bool:
    return len(row) == len(kinds) and all(isinstance(value, kind) for value, kind in zip(row, kinds, strict=True))


def _text(raw: bytes) -> str:
    """Damaged text is still text; its checksum shows the damage."""
    return raw.decode("utf-8", "replace")


def _check_places(path: Path) -> None:
    """Raises OSError when one of the files that SQLite opens by name leads elsewhere: it follows links."""
    for tail in ("", "-wal", "-shm", "-journal"):
        check_run_file(path.with_name(path.name + tail))


def _is_ours(db: sqlite3.Connection) -> bool:
    """Whether the file holds tables of ours, plain ones, and nothing else: a view or a trigger in a journal from
    somebody else would run, and could run for ever, whenever answers are read or written."""
    db.execute("PRAGMA trusted_schema=OFF")
    for kind, name, sql in db.execute("SELECT type, name, sql FROM sqlite_master"):
        if kind != "table" or name not in _COLUMNS or not _PLAIN_TABLE.fullmatch(sql) or _COMPUTES.search(sql):
            return False
    return True


def _is_newer(db: sqlite3.Connection) -> bool:
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    return version > SCHEMA


def _refuse_newer(db: sqlite3.Connection, path: Path) -> None:
    if _is_newer(db):
        raise BenchtuiError(f"{path} was {MADE_BY_NEWER}.", "Update benchtui to use this run.")


def _check_ours(db: sqlite3.Connection, path: Path) -> None:
    if _is_newer(db):
        raise sqlite3.DatabaseError(f"{path} was {MADE_BY_NEWER}")
    if not _is_ours(db):
        raise sqlite3.DatabaseError(f"{path} is not a journal of benchtui")


def _connect(path: Path) -> sqlite3.Connection:
    _check_places(path)
    db = sqlite3.connect(path, isolation_level=None, timeout=10)
    db.text_factory = _text
    try:
        _refuse_newer(db, path)
        # Write-ahead: a commit is one append, and a torn tail is dropped by checksum. Where the file system cannot do
        # it (some network mounts) SQLite stays in its rollback mode, which is slower and as safe.
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        if _is_ours(db):
            db.executescript(_SCHEMA)
            if not has_facts(db):
                db.execute("ALTER TABLE answers ADD COLUMN facts TEXT")
            db.execute(f"PRAGMA user_version={SCHEMA}")
    except BaseException:
        db.close()
        raise
    return db


def _salvage(path: Path) -> str:
    """Replace the file by one with every row that can still be read; it stays beside as journal.damaged-N.sqlite."""
    rows = _readable_rows(path)
    fresh = path.with_name(f".{path.name}.salvaged")
    fresh.unlink(missing_ok=True)
    with closing(_connect(fresh)) as db:
        db.execute("BEGIN")
        for table, found in rows.items():
            marks = ", ".join("?" * len(_COLUMNS[table]))
            db.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", found)  # noqa: S608 - our own names
        db.execute("COMMIT")
    n = 1
    while os.path.lexists(kept := path.with_name(f"{path.stem}.damaged-{n}{path.suffix}")):
        n += 1
    with path.open("rb") as damaged, os.fdopen(open_run_file(kept, os.O_WRONLY | os.O_TRUNC), "wb") as copy:
        shutil.copyfileobj(damaged, copy)
    for tail in ("-wal", "-shm"):  # first: SQLite would apply the old log to the new file
        path.with_name(path.name + tail).unlink(missing_ok=True)
    fresh.replace(path)
    return f"The journal was damaged: {len(rows['answers'])} answers could be read, the file is kept as {kept.name}."
