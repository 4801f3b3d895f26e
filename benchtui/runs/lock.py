"""One supervisor at a time: a lock that the operating system releases when its holder dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

import msgspec

from benchtui.errors import BenchtuiError
from benchtui.files import UnsafePlaceError, open_run_file, unwritable
from benchtui.runs.records import Process, this_process


class FolderLock:
    """An exclusive lock on a file that names its holder. A dead holder's lock is taken over, since it holds nothing."""

    def __init__(self, path: Path, what: str, doing: str = "being benchmarked") -> None:
        """Take the lock. Raises BenchtuiError naming who holds it (`what` is `doing` already), or that the folder
        cannot be written."""
        self._path = path
        try:
            self._fd = open_run_file(path, os.O_RDWR, make_folder=True)
        except UnsafePlaceError as error:
            raise unwritable(path, error) from None
        except OSError as error:
            raise BenchtuiError(
                f"{path.parent} cannot be written: {error.strerror}.",
                "Make the folder writable, or use another --outputs.",
            ) from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = self._holder()
            os.close(self._fd)
            raise BenchtuiError(
                f"{what} is {doing} already, by {holder}.",
                "Watch it with `benchtui attach`, stop it with `benchtui cancel`, or wait.",
            ) from None
        except OSError as error:
            os.close(self._fd)
            raise BenchtuiError(
                f"{path} cannot be locked: {error.strerror}.", "Use an --outputs on a file system with locks."
            ) from error
        self._name_holder()

    def _name_holder(self) -> None:
        """Write who holds the lock, for messages; on a full disk it holds without."""
        with contextlib.suppress(OSError):
            name = msgspec.json.encode(this_process())
            os.pwrite(self._fd, name, 0)
            os.ftruncate(self._fd, len(name))

    def _holder(self) -> str:
        try:
            return msgspec.json.decode(os.pread(self._fd, 4096, 0), type=Process).where
        except msgspec.MsgspecError:
            return "another benchtui"

    def release(self) -> None:
        # Not only closed: a child that is just being started may still hold a copy of the descriptor.
        fcntl.flock(self._fd, fcntl.LOCK_UN)
        os.close(self._fd)

    def __enter__(self) -> FolderLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
