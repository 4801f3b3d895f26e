"""What metrics need of a document besides its answer: a pattern, a JSON schema, the whole row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchtui.errors import UsageError
from benchtui.files import read_regular
from benchtui.tasks.data.documents.cells import text_of
from benchtui.tasks.data.documents.templates import Column
from benchtui.tasks.data.rows import Bare, Row
from benchtui.tasks.metrics.metric import ChosenMetric
from benchtui.tasks.metrics.own_file import is_own
from benchtui.text import one_line

_COLUMNS = {"pattern": ("pattern", "regex"), "schema": ("schema", "json_schema")}
"""What a metric may need of each document, and the columns it is read from."""
_LARGEST_SCHEMA = 1024 * 1024


def extras(row: Row, metrics: Sequence[ChosenMetric], schema: str) -> dict[str, Any]:
    """Return what the metrics need of a row; those of one's own are given all of it. `schema` is that of all rows."""
    found: dict[str, Any] = {"row": dict(row.cells)} if any(is_own(each.metric.name) for each in metrics) else {}
    for need in sorted({chosen.metric.needs for chosen in metrics} & _COLUMNS.keys()):
        column = next((Column(name) for name in _COLUMNS[need] if row.cells.get(name)), None)
        if column is not None:
            found[need] = text_or_json(column, row, need)
        elif need == "schema" and schema:
            found[need] = schema
    return found


def text_or_json(column: Column, row: Row, what: str) -> str:
    """Return the text of a cell; an object or a list is written as JSON, its numbers as they stand in the file."""
    cell = column.of(row)
    return _as_json(cell) if isinstance(cell, list | dict) else text_of(column, row, what)


def read_schema(metrics: Sequence[ChosenMetric]) -> str:
    """Return the JSON schema of all rows, from the file that a metric names; "" where none does.

    Raises UsageError for a file that cannot be read.
    """
    name = next((each.options["schema"] for each in metrics if each.options.get("schema")), "")
    if not name:
        return ""
    try:
        return read_regular(Path(name).expanduser(), _LARGEST_SCHEMA).decode()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise UsageError(
            f"The schema {one_line(name, 200)} cannot be read: {reason}.", "Name its file: json_schema:schema=FILE."
        ) from None


def _as_json(cell: object) -> str:
    if isinstance(cell, dict):
        return "{" + ", ".join(f"{json.dumps(str(key))}: {_as_json(value)}" for key, value in cell.items()) + "}"
    if isinstance(cell, list):
        return "[" + ", ".join(_as_json(value) for value in cell) + "]"
    return str(cell) if isinstance(cell, Bare) else json.dumps(cell, ensure_ascii=False)
