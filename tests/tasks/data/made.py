"""Tasks made of rows that a test writes down."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchtui.tasks.data.documents.make import Document
from benchtui.tasks.data.make import make_task
from benchtui.tasks.data.spec import DataSpec, MadeTask

Rows = str | bytes | Iterable[dict[str, Any]]


def write(path: Path, rows: Rows) -> Path:
    """Write rows as JSONL, or a text or bytes as they are."""
    if isinstance(rows, bytes):
        path.write_bytes(rows)
    else:
        path.write_text(rows if isinstance(rows, str) else "".join(json.dumps(row) + "\n" for row in rows))
    return path


def make(folder: Path, rows: Rows, *, name: str = "mine", suffix: str = ".jsonl", **said: Any) -> MadeTask:
    """Write the rows to a file in `folder` and make the task of it in `folder`/tasks."""
    data = write(folder / f"{name}{suffix}", rows)
    return make_task(DataSpec(name=name, source=str(data), **said), folder / "tasks")


def documents_of(made: MadeTask) -> list[Document]:
    """Read back the documents of a task."""
    return [
        Document(**{key: tuple(value) if isinstance(value, list) else value for key, value in row.items()})
        for row in pq.read_table(made.data).to_pylist()
    ]
