"""The newest answers of a run that is still running, read from its journal, or from those of its workers."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal.journal import Journal, RequestKey

_READ = 200
MOST_JOURNALS = 16
"""Journals that are read: of more workers those that wrote last."""


@dataclass(frozen=True)
class NewestAnswer:
    """`answer` is the model's text; for a multiple choice how likely it found each of the choices answered so far."""

    task: str
    doc_id: int
    answer: str


def newest_answers(run: RunDirectory, limit: int = 20) -> list[NewestAnswer]:
    """The documents answered last, newest first; none when there is no journal yet, or it cannot be read."""
    journals = [files.journal for files in (run.files_of(), *run.shards())]
    newest = sorted((path for path in journals if path.is_file()), key=_changed, reverse=True)[:MOST_JOURNALS]
    rows = [row for path in newest for row in _read(path, max(limit * 8, _READ))]
    found: dict[tuple[str, int], list[tuple[int, object]]] = {}
    for _, key, answer in sorted(rows, key=lambda row: row[0], reverse=True):
        found.setdefault((key.task, key.doc_id), []).append((key.idx, answer))
    return [NewestAnswer(task, doc, _words(answers)) for (task, doc), answers in list(found.items())[:limit]]


def _read(path: Path, limit: int) -> list[tuple[float, RequestKey, object]]:
    try:
        with Journal(path, read_only=True) as journal:
            return journal.newest(limit)
    except sqlite3.Error:
        return []


def _changed(path: Path) -> float:
    """When something was last written: SQLite writes it beside the journal first."""
    times = []
    for file in (path, path.with_name(f"{path.name}-wal")):
        with suppress(OSError):
            times.append(file.stat().st_mtime)
    return max(times, default=0.0)


def _words(answers: list[tuple[int, object]]) -> str:
    text = next((answer for _, answer in answers if isinstance(answer, str)), None)
    if text is not None:
        return text
    pairs = sorted((idx, answer[0]) for idx, answer in answers if isinstance(answer, list) and answer)
    numbers = [(idx, float(value)) for idx, value in pairs if isinstance(value, int | float)]
    if not numbers:
        return ""
    if len(numbers) == 1:
        return f"log-likelihood {numbers[0][1]:.2f}"
    likeliest = max(numbers, key=lambda pair: pair[1])
    return f"choice {likeliest[0] + 1} is the likeliest of {len(numbers)} ({likeliest[1]:.2f})"
