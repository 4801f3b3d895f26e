"""[tasks.NAME] of benchtui.toml: a data set of one's own under a name, with how it is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchtui.errors import UsageError
from benchtui.settings.rows import SETTING
from benchtui.settings.tables import checked, known_keys
from benchtui.settings.values import text
from benchtui.tasks.data.hub import HUB
from benchtui.tasks.data.spec import DataSpec
from benchtui.tasks.metrics.registry import placed
from benchtui.text import one_line

_ROWS = {
    "prompt": "prompt",
    "answer": "answer",
    "choices": "choices",
    "kind": "data-kind",
    "count-from": "count-from",
    "metric": "metric",
    "split": "data-split",
    "sample": "data-sample",
    "sample-seed": "data-sample-seed",
    "fewshot-from": "fewshot-from",
}
"""Key of a table -> the setting that reads the same."""
_KEYS = ("data", *_ROWS)
_FIELDS = {"metric": "metrics"}
NAME = re.compile(r"[A-Za-z0-9][\w-]{0,79}", re.ASCII)
"""What a task of one's own may be called: it becomes the name of files."""


def data_tables(tables: object, file: Path) -> list[DataSpec]:
    """Read the tables below [tasks]. Raises UsageError naming file and key for what makes no sense."""
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise UsageError(f"{file}: tasks must be tables.", 'Write [tasks.NAME], then data = "FILE".')
    return [_spec(name, table, file) for name, table in tables.items()]


def _spec(name: str, table: Mapping[str, Any], file: Path) -> DataSpec:
    where = f"tasks.{one_line(name, 60)}"
    if not NAME.fullmatch(name):
        raise UsageError(f"{file}: {one_line(name, 60)!r} is no name for a task.", "Use letters, digits, - and _.")
    known_keys(dict(table), _KEYS, file, where)
    if "data" not in table:
        raise UsageError(f"{file}: {where} names no data.", 'Write data = "FILE", or data = "hub:ORG/NAME".')
    source = checked(text, table["data"], file, f"{where}.data")
    said = {
        _FIELDS.get(key, key.replace("-", "_")): checked(
            SETTING[row].form.filed, _plain(table[key]), file, f"{where}.{key}"
        )
        for key, row in _ROWS.items()
        if key in table
    }
    if examples := said.get("fewshot_from"):
        said["fewshot_from"] = _examples(examples, file.parent)
    if metrics := said.get("metrics"):
        said["metrics"] = tuple(_metric(metric, file, f"{where}.metric") for metric in metrics)
    return DataSpec(name=name, source=_placed(source, file.parent), **said)


def _plain(value: object) -> object:
    """0 and 1 as the flag has them: count-from = 1."""
    return str(value) if value in (0, 1) and not isinstance(value, bool | float) else value


def _placed(source: str, folder: Path) -> str:
    """A path in a file means the same from wherever benchtui is started."""
    return source if source.startswith(HUB) else str(folder / Path(source).expanduser())


def _metric(named: str, file: Path, where: str) -> str:
    """Return what names a metric with the files of it placed; a name that is unknown is told where it is used."""
    try:
        return placed(named, file.parent)
    except UsageError as error:
        raise UsageError(f"{file}: {where}: {error.what}", error.next_step) from None


def _examples(named: str, folder: Path) -> str:
    """A file where there is one of this name, else a split."""
    place = folder / Path(named).expanduser()
    return str(place) if place.is_file() else named
