"""The tables of benchtui.toml: values checked as they are read, unknown keys named with the nearest one."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

from benchtui.errors import UsageError
from benchtui.text import one_line


def checked(read: Any, value: object, file: Path, key: str) -> Any:
    """Return `value` as `read` gives it; its ValueError says what was expected."""
    try:
        return read(value)
    except ValueError as error:
        raise UsageError(f"{file}: {key} must be {error}, not {_shown(value)}.", "Correct that line.") from None
    except UsageError as error:
        raise UsageError(f"{file}: {key}: {error.what}", error.next_step) from None


def _shown(value: object) -> str:
    try:
        return one_line(json.dumps(value, default=str, ensure_ascii=False), 60)
    except (ValueError, RecursionError):  # a hexadecimal number of thousands of digits, a list in a list in a list …
        return "what stands there"


def known_keys(table: dict[str, Any], known: tuple[str, ...], file: Path, where: str) -> None:
    """Raise UsageError for the first key of the table `where` that is not known, with the nearest one."""
    for key in table:
        if key not in known:
            raise unknown(file, f"{where}.{key}", known, ", ".join(known))


def unknown(file: Path, key: str, known: tuple[str, ...], all_of_them: str) -> UsageError:
    """Return the error for a dotted `key` whose last part is none of `known`."""
    wanted = key.rpartition(".")[2].replace("_", "-").lower()
    near = difflib.get_close_matches(wanted, known, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}?" if near else f"It may hold {all_of_them}."
    return UsageError(f"{file}: there is no setting {one_line(key, 60)}.", hint)
