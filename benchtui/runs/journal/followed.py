"""What several workers of a run have answered so far, read while they answer."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from benchtui.runs.answer_health import AnswerFacts
from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal.journal import Journal, RequestKey


class FollowedJournal(Journal):
    """The journal of the worker that decides: it writes notes into its own, and reads the answers and the documents
    given up on in all journals of the run, as they come."""

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self._others: dict[Path, tuple[int, Journal]] = {}
        super().__init__(run.decider.journal)

    def answers(self, task: str, documents: Collection[int] | None = None) -> dict[RequestKey, tuple[str, Any]]:
        found: dict[RequestKey, tuple[str, Any]] = {}
        for journal in self._opened():
            found |= journal.answers(task, documents)
        return found

    def facts(self, task: str, documents: Collection[int] | None = None) -> dict[RequestKey, AnswerFacts]:
        found: dict[RequestKey, AnswerFacts] = {}
        for journal in self._opened():
            found |= journal.facts(task, documents)
        return found

    def count(self, task: str | None = None) -> int:
        return sum(journal.count(task) for journal in self._opened())

    def skipped(self, task: str | None = None) -> dict[tuple[str, int], str]:
        found: dict[tuple[str, int], str] = {}
        for journal in self._opened():
            found |= journal.skipped(task)
        return found

    def close(self) -> None:
        super().close()
        for _, journal in self._others.values():
            journal.close()
        self._others.clear()

    def _opened(self) -> Iterator[Journal]:
        """The journals of the run and of its shards that hold anything yet."""
        for files in (self._run.files_of(), *self._run.shards()):
            journal = self._open(files.journal)
            if journal is not None:
                yield journal

    def _open(self, path: Path) -> Journal | None:
        """None where a worker has not bound it yet: its checksums cannot be told from damage before. It is opened again
        where another file took its place, which happens to one that was damaged."""
        inode = _inode(path)
        known = self._others.get(path)
        if known is not None and known[0] == inode:
            return known[1]
        if known is not None:
            self._others.pop(path)[1].close()
        if inode is None:
            return None
        try:
            journal = Journal(path, read_only=True)
        except sqlite3.Error:  # without its tables yet
            return None
        if journal.noted("fingerprint") is None:
            journal.close()
            return None
        self._others[path] = (inode, journal)
        return journal


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None
