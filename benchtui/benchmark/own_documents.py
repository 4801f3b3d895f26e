"""The documents of people's own data, as `benchtui run --data` makes a task of them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchtui.results.documents import BenchmarkDocument
from benchtui.tasks.data.hub import HUB, parse_hub_name
from benchtui.tasks.data.make import make_task
from benchtui.tasks.data.read import open_data, read_rows
from benchtui.tasks.data.rows import Cell
from benchtui.tasks.data.spec import DataSpec


def own_documents(source: str, *, offline: bool = False) -> list[BenchmarkDocument]:
    """Return the documents of a file or of hub:ORG/NAME, each by its id, or its row where it has none: prompt, choices
    or accepted answers.

    Raises UsageError for what cannot be read or whose columns are not recognised.
    """
    with tempfile.TemporaryDirectory(prefix="benchtui-overlap-") as folder:
        made = make_task(DataSpec(name=_name(source), source=source), Path(folder), offline=offline)
        return [
            BenchmarkDocument(made.name, str(row.cells["id"]), "", _text(row.cells))
            for row in read_rows(open_data(made.data))
        ]


def _name(source: str) -> str:
    """Return what the documents are called together: the name of the file, or of the data set."""
    return parse_hub_name(source).repository if source.startswith(HUB) else Path(source).stem


def _text(cells: Mapping[str, Cell]) -> str:
    """Return prompt, and the choices or the accepted answers."""
    answers = cells["choices"] or cells["targets"]
    assert isinstance(answers, list)  # noqa: S101 - `make_task` wrote it
    return "\n".join([str(cells["prompt"] or ""), *map(str, answers)])
