"""The data of a leaf task: what a model was asked about, so that scores on different data are never compared."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import msgspec

from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal.journal import Journal


class TaskData(msgspec.Struct, frozen=True):
    """Digests (SHA-256, shortened) of the documents that a run asks of a task and of those it takes examples from.

    `count` documents are asked of the `total` that the task has; `examples` is "" where prompts hold none; `revision`
    is the commit of the data set on the Hub, "" where it is not known.
    """

    documents: str
    count: int
    total: int
    examples: str = ""
    revision: str = ""


def how_data_differ(earlier: TaskData, later: TaskData) -> str:
    """What of a task's data is not the same, in words; "" when nothing is known to differ.

    Where fewer documents were asked on purpose, whether the others are the same is not known.
    """
    parts = []
    if earlier.total != later.total:
        parts.append(f"{earlier.total:,} samples then, {later.total:,} now")
    elif earlier.count == later.count and earlier.documents != later.documents:
        parts.append("other samples")
    elif earlier.examples and later.examples and earlier.examples != later.examples:
        parts.append("other examples in the prompts")
    if not parts:
        return ""
    if earlier.revision and later.revision and earlier.revision != later.revision:
        parts.append(f"revision {earlier.revision[:8]} then, {later.revision[:8]} now")
    return "; ".join(parts)


def stored_data(run: RunDirectory) -> dict[str, TaskData]:
    """The data that a run's answers are to, by leaf task; empty where it kept none (earlier versions)."""
    if not run.journal.is_file():
        return {}
    try:
        with Journal(run.journal, read_only=True) as journal:
            return read_data(journal)
    except sqlite3.Error:
        return {}


_NOTE = "data of the tasks"


def read_data(journal: Journal) -> dict[str, TaskData]:
    """What `keep_data` kept; a damaged note counts as none."""
    try:
        return msgspec.convert(journal.noted(_NOTE) or {}, dict[str, TaskData])
    except msgspec.ValidationError:
        return {}


def keep_data(journal: Journal, data: Mapping[str, TaskData]) -> None:
    """Keep the data of the tasks beside the answers to them."""
    journal.note(_NOTE, msgspec.to_builtins(dict(data)))
