"""The documents of people's own data, as `benchtui run --data` makes a task of them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchtui.results.documents import BenchmarkDocument
from benchtui.tasks.data.make import make_task
from benchtui.tasks.data.read import open_data, read_rows
from benchtui.tasks.data.rows import Cell
from benchtui.tasks.data.spec import DataSpec


def own_documents(spec: DataSpec, *, offline: bool = False) -> list[BenchmarkDocument]:
    """Return the documents of a data set, each by its id, or the number of its row where it has none: prompt, and
    choices or accepted answers.

    Raises UsageError for what cannot be read or whose columns are not recognised.
    """
    with tempfile.TemporaryDirectory(prefix="benchtui-overlap-") as folder:
        made = make_task(spec, Path(folder), offline=offline)
        return [
            BenchmarkDocument(spec.name, str(row.cells["id"]), "", _text(row.cells))
            for row in read_rows(open_data(made.data))
        ]


def _text(cells: Mapping[str, Cell]) -> str:
    """Return prompt, and the choices or the accepted answers."""
    answers = cells["choices"] or cells["targets"]
    assert isinstance(answers, list)  # noqa: S101 - `make_task` wrote it
    return "\n".join([str(cells["prompt"] or ""), *map(str, answers)])
