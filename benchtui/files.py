"""Reading and writing the files of a run: whole or not at all, and never through a link to another place.

A run folder may come from anybody. What it holds is written and read here, so that a link, a pipe or a second name of
a file somewhere else is refused instead of followed. Links above a model's benchmarks/ are the user's own and are
followed.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import sqlite3
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from benchtui.errors import BenchtuiError

LARGEST_RECORD = 16 * 1024 * 1024
LARGEST_RESULTS = 512 * 1024 * 1024
"""Bytes; what is larger was not written by benchtui, and would only fill the memory."""
PACKAGE = Path(__file__).resolve().parent
"""The folder of benchtui's own code."""
BENCHMARKS = "benchmarks"
_INSIDE_BENCHMARKS = frozenset({"base", "fine-tuned"})
_INSIDE_RUN = frozenset({"run", "lm-eval"})
OTHER_KINDS = frozenset({"tokens", "switching", "sweeps", "routing", "chats"})
"""The folders of other kinds of run, beside benchmarks/."""
_RUN_NAME = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(-\d+)?")
"""What a run's folder is called: the time when it began."""
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_SAFELY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC  # O_NONBLOCK: a pipe without a reader never opens


class UnsafePlaceError(OSError):
    """A file of a run that leads elsewhere, or is none."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(errno.ELOOP, what, str(path))


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write `data` to `path` by way of a temporary name in the same folder: written, flushed to disk, renamed.

    A link at `path` is replaced, not followed. Raises OSError (a full disk, a read-only folder); `path` is then as it
    was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, _FOLDER)
    try:
        _replace(folder, path.name, data)
    finally:
        os.close(folder)


def write_run_file(path: Path, data: bytes | str) -> None:
    """`write_atomic` for a file of a run or of benchmarks/: none of the folders on the way may be a link.

    Raises OSError, UnsafePlaceError among them.
    """
    with run_folder(path.parent, create=True) as folder:
        _replace(folder, path.name, data)


def open_run_file(path: Path, flags: int, *, make_folder: bool = False) -> int:
    """A descriptor of a regular file of a run, opened with `flags` and made when it is not there.

    Raises OSError, UnsafePlaceError among them: for a link, a pipe, a device, or a file that has another name as well.
    """
    with run_folder(path.parent, create=make_folder) as folder:
        try:
            descriptor = os.open(path.name, (flags & ~os.O_TRUNC) | os.O_CREAT | _SAFELY, 0o644, dir_fd=folder)
        except OSError as error:
            raise _explained(path, error, folder) from None
    try:
        _check_open(path, os.fstat(descriptor))
        if flags & os.O_TRUNC:
            os.ftruncate(descriptor, 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def copy_run_files(source: Path, target: Path, *, leave_out: Collection[str] = ()) -> None:
    """Copy the files in the folder `source` of a run to the folder `target` of another one, which is made.

    Raises OSError; UnsafePlaceError for a file that is a link, a pipe or a second name of another file: what it leads
    to is not part of the run.
    """
    with run_folder(source) as theirs, run_folder(target, create=True) as ours:
        for name in _names(theirs):
            if name not in leave_out:
                _copy(source / name, theirs, ours)


def delete_run_file(path: Path) -> None:
    """Remove a file of a run, a link itself and not what it leads to; nothing when it is not there. Raises OSError."""
    try:
        with run_folder(path.parent) as folder:
            os.unlink(path.name, dir_fd=folder)
    except FileNotFoundError:
        return


def check_run_file(path: Path) -> None:
    """Raises UnsafePlaceError when `path`, which somebody else will open by its name, is there and is not a plain file
    of the run; OSError when its folder cannot be used."""
    try:
        with run_folder(path.parent) as folder:
            facts = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    _check_open(path, facts)


def open_regular_file(path: Path) -> BinaryIO:
    """A regular file for reading. Raises OSError, also for a pipe or a device, which would keep us waiting."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise UnsafePlaceError(path, "it is not a regular file") from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnsafePlaceError(path, "it is not a regular file")
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path, limit: int = LARGEST_RECORD) -> bytes:
    """The content of a regular file of at most `limit` bytes. Raises OSError."""
    with open_regular_file(path) as file:
        data = file.read(min(os.fstat(file.fileno()).st_size, limit) + 1)  # read() makes room for all it is asked
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"it is larger than {limit // 1024 // 1024} MiB", str(path))
    return data


@contextmanager
def run_folder(path: Path, *, create: bool = False) -> Iterator[int]:
    """A descriptor of a folder of a run, reached without following a link below what the user named.

    Raises OSError, UnsafePlaceError among them.
    """
    root, below = _trusted(path)
    if create:
        root.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(root, _FOLDER)
    try:
        place = root
        for name in below:
            place = place / name
            inner = _step(place, name, descriptor, create=create)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def _step(place: Path, name: str, descriptor: int, *, create: bool) -> int:
    if create:
        with suppress(FileExistsError):  # opened below, if it is a folder
            os.mkdir(name, dir_fd=descriptor)
    try:
        return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=descriptor)
    except OSError as error:
        raise _explained(place, error, descriptor) from None


def _trusted(folder: Path) -> tuple[Path, tuple[str, ...]]:
    """The folder that the user vouches for, and the names below it, which may have come from anybody: of a model
    what is below the model's folder, elsewhere what is below the run's."""
    parts = folder.absolute().parts
    for place in range(len(parts) - 1, 0, -1):
        if parts[place] == BENCHMARKS and (place == len(parts) - 1 or parts[place + 1] in _INSIDE_BENCHMARKS):
            return Path(*parts[:place]), parts[place:]
        if parts[place] in OTHER_KINDS and (place == len(parts) - 1 or _RUN_NAME.fullmatch(parts[place + 1])):
            return Path(*parts[:place]), parts[place:]
    if parts[-1] in _INSIDE_RUN:
        return Path(*parts[:-1]), parts[-1:]
    if parts[-3:-1] == ("run", "shards"):
        return Path(*parts[:-3]), parts[-3:]
    return Path(*parts), ()


def _replace(folder: int, name: str, data: bytes | str) -> None:
    raw = data.encode() if isinstance(data, str) else data
    temporary = f".benchtui-{secrets.token_hex(8)}.tmp"  # short, whatever the length of `name`
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFELY, 0o644, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        os.unlink(temporary, dir_fd=folder)
        raise


def _names(folder: int) -> list[str]:
    descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        with os.scandir(descriptor) as entries:
            return sorted(entry.name for entry in entries)
    finally:
        os.close(descriptor)


def _copy(path: Path, source: int, target: int) -> None:
    """The file `path` of the folder `source`, written to the folder `target` under the same name."""
    try:
        descriptor = os.open(path.name, os.O_RDONLY | _SAFELY, dir_fd=source)
    except OSError as error:
        raise _explained(path, error, source) from None
    with os.fdopen(descriptor, "rb") as file:
        _check_open(path, os.fstat(descriptor))
        copy = os.open(path.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFELY, 0o644, dir_fd=target)
        with os.fdopen(copy, "wb") as written:
            shutil.copyfileobj(file, written, 1024 * 1024)
            written.flush()
            os.fsync(copy)


def _check_open(path: Path, facts: os.stat_result) -> None:
    if stat.S_ISLNK(facts.st_mode):
        raise UnsafePlaceError(path, "it is a link to another place")
    if not stat.S_ISREG(facts.st_mode):
        raise UnsafePlaceError(path, "it is not a regular file")
    if facts.st_nlink > 1:
        raise UnsafePlaceError(path, "it is the same file as another one (a hard link)")


def _explained(path: Path, error: OSError, folder: int) -> OSError:
    """`error` of opening `path` without following links, with words that say what is there."""
    try:
        facts = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return OSError(error.errno, error.strerror, str(path))
    if stat.S_ISLNK(facts.st_mode):
        return UnsafePlaceError(path, "it is a link to another place")
    if error.errno == errno.ENXIO:  # a pipe that nobody reads, a socket
        return UnsafePlaceError(path, "it is not a regular file")
    return OSError(error.errno, error.strerror, str(path))


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
    if isinstance(error, UnsafePlaceError):
        return BenchtuiError(
            f"{error.filename} is not used: {error.strerror}, and a run may come from anybody.",
            "Delete it, then try again.",
        )
    next_step = "Free some space, then try again." if no_room(error) else "Make it writable, or use another --outputs."
    return BenchtuiError(f"{path} cannot be written: {error.strerror or error}.", next_step)
