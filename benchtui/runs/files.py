"""Writing files so that a kill, a full disk or a power cut leaves the old file or the new one, never half of one."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

from benchtui.errors import BenchtuiError


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write `data` to `path` by way of a temporary name in the same folder: written, flushed to disk, renamed.

    Raises OSError (a full disk, a read-only folder); `path` is then as it was.
    """
    raw = data.encode() if isinstance(data, str) else data
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def no_room(error: BaseException) -> bool:
    """Whether `error` says that something could not be written for want of space: a full disk, a quota, a file size
    limit. SQLite has codes of its own for each of its files (https://sqlite.org/rescode.html)."""
    if isinstance(error, sqlite3.Error):
        name = getattr(error, "sqlite_errorname", None) or ""
        return name == "SQLITE_FULL" or name.startswith(
            ("SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHM", "SQLITE_IOERR_TRUNC")
        )
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def unwritable(path: Path, error: OSError) -> BenchtuiError:
    """What to tell a user whose `path` could not be written."""
    next_step = "Free some space, then try again." if no_room(error) else "Make it writable, or use another --outputs."
    return BenchtuiError(f"{path} cannot be written: {error.strerror or error}.", next_step)
