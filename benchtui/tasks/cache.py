"""Scans lm-eval's own tasks once per lm-eval version and keeps the result in the user's cache folder."""

from __future__ import annotations

import contextlib
import importlib.util
from pathlib import Path

import msgspec

from benchtui.errors import BenchtuiError
from benchtui.files import write_atomic
from benchtui.tasks.entries import TaskEntry
from benchtui.tasks.scan import Progress, scan

_SCHEMA = 1
"""Raised by one when TaskEntry or the rules of the scan change, so that an older cache is not read."""
_SCAN_MEMORY = 48 * 1024**2
"""Bytes: about twice the measured need for reading all task files."""


class _Stored(msgspec.Struct, frozen=True):
    root: str
    modified: int
    entries: list[TaskEntry]


def lm_eval_tasks_folder() -> Path:
    """Return the installed lm_eval/tasks, found without importing lm_eval. Raises BenchtuiError when it is missing."""
    spec = importlib.util.find_spec("lm_eval")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (tasks := Path(folder) / "tasks").is_dir():
            return tasks
    raise BenchtuiError("lm-eval is not installed in this Python.", "Install it: pip install 'lm-eval[ifeval]'")


def lm_eval_version() -> str:
    """Return the installed version, "unknown" for a source tree without package metadata."""
    # An ordinary installation says its version in a folder's name; importlib.metadata takes 30 ms to import.
    beside = list(lm_eval_tasks_folder().parent.parent.glob("lm_eval-*.dist-info"))
    if len(beside) == 1:
        return beside[0].name.removeprefix("lm_eval-").removesuffix(".dist-info")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("lm_eval")
    except PackageNotFoundError:
        return "unknown"


def cache_folder() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("benchtui", appauthor=False)


def builtin_entries(root: Path, folder: Path, progress: Progress | None = None) -> dict[str, TaskEntry]:
    """Return lm-eval's own tasks, from `folder`'s cache where it fits `root`, else scanned now and cached there.

    A cache that is damaged, older or of another installation is replaced; when the cache folder cannot be written, the
    next start scans again.
    """
    file = folder / f"tasks-{lm_eval_version()}-{_SCHEMA}.msgpack"
    # A developer's checkout of lm-eval keeps its version while its task folders come and go.
    modified = root.stat().st_mtime_ns
    stored = _read(file)
    if stored is not None and stored.root == str(root) and stored.modified == modified:
        return {entry.name: entry for entry in stored.entries}
    _require_memory()
    entries = scan(root, relative=True, progress=progress)
    with contextlib.suppress(OSError):
        write_atomic(file, msgspec.msgpack.encode(_Stored(str(root), modified, list(entries.values()))))
    return entries


def _require_memory() -> None:
    """Raise MemoryError where too little memory is free to read 14,000 files: the YAML library crashes without it."""
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return
    try:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return  # not Linux
    if limit - used < _SCAN_MEMORY:
        raise MemoryError


def _read(file: Path) -> _Stored | None:
    try:
        return msgspec.msgpack.decode(file.read_bytes(), type=_Stored)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
