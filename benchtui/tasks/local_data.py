"""Finds the files on this disk that a task's configuration loads as data, as the datasets library searches for them."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

DATA = frozenset({".jsonl", ".json", ".csv", ".tsv", ".txt", ".parquet", ".arrow", ".xml"})
_PACKED = frozenset({".gz", ".zst", ".bz2", ".xz", ".zip", ".tar"})
_DESCRIBING = frozenset({".py", ".yaml", ".yml", ".md"})
"""A data set's loading script, and the card that says which of its files belong to which split."""
_IN_A_FOLDER = DATA | _PACKED | _DESCRIBING
_NO_DATA = frozenset({"benchmarks", "__pycache__"})
_MAX_FILES = 10_000
"""Most files looked at for one task: a configuration that names / must not read the whole disk."""
_MAX_NAME = 4096


def local_data(config: Mapping[str, Any]) -> list[Path]:
    """Return the local files that the task of this `config` (with the included ones) loads, sorted.

    `dataset_path` may be a folder or a loading script, `data_dir` a folder in it or relative to here, `data_files`
    names and patterns in those. What is not found here is on the hub and not listed.
    """
    kwargs = config.get("dataset_kwargs")
    kwargs = kwargs if isinstance(kwargs, dict) else {}
    named = _place(config.get("dataset_path"))
    script = [named] if named and named.is_file() else []
    roots = [named if named.is_dir() else named.parent] if named else []
    within = kwargs.get("data_dir")
    roots = [folder for root in (*roots, Path()) if (folder := _place(within, root))] if within else [*roots, Path()]
    patterns = [pattern for pattern in _strings(kwargs.get("data_files")) if _can_be_path(pattern)]
    found: list[Path] = [*script]
    if patterns:
        found += [path for root in roots for pattern in patterns for path in _matching(root, pattern)]
    else:
        found += [path for root in roots if root != Path() and root.is_dir() for path in _in_folder(root)]
    return sorted({path.resolve() for path in found})


def _place(name: object, root: Path = Path()) -> Path | None:
    """Return the file or folder called `name`, None where there is none here."""
    if not isinstance(name, str) or not _can_be_path(name):
        return None
    try:
        path = root / Path(name).expanduser()
        return path if path.exists() else None
    except (OSError, RuntimeError):  # too long a name; no home folder
        return None


def _can_be_path(name: str) -> bool:
    return bool(name) and len(name) <= _MAX_NAME and "\0" not in name and "://" not in name


def _matching(root: Path, pattern: str) -> list[Path]:
    """Yield the files that `pattern` means below `root`: itself, or what fits its * and **."""
    try:
        exact = root / pattern
        if exact.is_file():
            return [exact]
        if not glob.has_magic(pattern):
            return []
        found = glob.iglob(pattern, root_dir=root, recursive=True)  # noqa: PTH207 - of any pattern, absolute ones too
        return [path for name in islice(found, _MAX_FILES) if (path := root / name).is_file()]
    except (OSError, ValueError):
        return []


def _in_folder(folder: Path) -> list[Path]:
    return [path for path in islice(_walk(folder), _MAX_FILES) if path.suffix in _IN_A_FOLDER]


def _walk(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name[0] != "." and name not in _NO_DATA)
        for name in sorted(names):
            if name[0] != "." and (path := Path(place, name)).is_file():
                yield path


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)
