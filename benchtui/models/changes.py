"""Notices that outputs/ changed; cheap enough to be asked every second or two."""

from __future__ import annotations

import os
from pathlib import Path

_WATCHED = ("", "lora", "merged_16bit", "benchmarks", "benchmarks/benchmark.json", "benchmarks/fine-tuned")


def folder_state(outputs: Path) -> tuple[tuple[str, int], ...]:
    """Return a value that differs after a model or a result was added, changed or removed; empty without the folder."""
    found = []
    try:
        with os.scandir(outputs) as entries:
            names = sorted(entry.path for entry in entries if entry.is_dir())
    except OSError:
        return ()
    for name in names:
        for inside in (*_WATCHED, *_folders_in(name)):
            place = os.path.join(name, inside) if inside else name  # noqa: PTH118 - thousands of them, often
            try:
                found.append((place, os.stat(place).st_mtime_ns))  # noqa: PTH116
            except OSError:
                continue
    return tuple(found)


def _folders_in(folder: str) -> list[str]:
    """Return the names of the folders in `folder` that are not watched otherwise: checkpoints, and runs of an
    experiment."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir() and entry.name not in _WATCHED)
    except OSError:
        return []
