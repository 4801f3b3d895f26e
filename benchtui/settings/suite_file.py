"""Suites of one's own, written into benchtui.toml with everything else in it left as it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchtui.errors import BenchtuiError, UsageError
from benchtui.files import write_atomic
from benchtui.text import one_line

if TYPE_CHECKING:
    from tomlkit import TOMLDocument


def add_to_suite(file: Path, suite: str, task: str) -> bool:
    """Put `task` at the end of [suites.`suite`] in `file`, making both where they are not there.

    False when the task was in it already. Raises UsageError for a name that no suite can have, or a file that is not
    TOML; BenchtuiError when it cannot be written.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w-]*", suite):
        raise UsageError(f"{one_line(suite, 60)!r} is no name for a suite.", "Use letters, digits, - and _.")
    document = _read(file)
    tasks = _tasks(document, suite, file)
    if any((item.get("name") if isinstance(item, dict) else item) == task for item in tasks):
        return False
    tasks.append(task)
    try:
        write_atomic(file, document.as_string())
    except OSError as error:
        raise BenchtuiError(f"{file} cannot be written: {error.strerror or error}.") from None
    return True


def _read(file: Path) -> TOMLDocument:
    import tomlkit

    from benchtui.settings.config import read_toml

    return read_toml(file, _parse) if file.exists() else tomlkit.document()


def _parse(text: str) -> TOMLDocument:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise ValueError(str(error)) from None


def _tasks(document: TOMLDocument, suite: str, file: Path) -> Any:
    import tomlkit

    if "suites" not in document:
        document["suites"] = tomlkit.table(is_super_table=True)
    suites: Any = document["suites"]
    if suite not in suites:
        suites[suite] = tomlkit.table()
    table = suites[suite]
    if "tasks" not in table:
        table["tasks"] = tomlkit.array()
    if not isinstance(table["tasks"], list):
        raise UsageError(f"{file}: suites.{suite}.tasks must be a list of tasks.", "Correct that line.")
    return table["tasks"]
