"""Values of settings: checked where they come in, written as one types them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

LARGEST = 2**31 - 1


def text(value: object) -> str:
    """Text that says something, and that a record and a command line can hold."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("text in quotes")
    return storable(value)


def storable(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("text in UTF-8") from None
    if "\0" in value:
        raise ValueError("text without NUL characters")
    return value


def text_typed(typed: str) -> str:
    if not typed.strip():
        raise ValueError("a name")
    return storable(typed)


def folder(value: object) -> Path:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError("the path of a folder, in quotes")
    return Path(value).expanduser()


def folder_typed(typed: str) -> Path:
    """As it stands: a shell has already put the home folder in place of `~`."""
    if not typed.strip() or "\0" in typed:
        raise ValueError("the path of a folder")
    return Path(typed)


def folders(value: object) -> tuple[Path, ...]:
    found = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) for item in found):
        raise ValueError("a folder, or a list of folders, in quotes")
    return tuple(folder(item) for item in found if item)


def texts(value: object) -> tuple[str, ...]:
    """One text, or a list of them."""
    found = value if isinstance(value, list) else [value]
    if not found:
        raise ValueError("text in quotes, or a list of texts")
    return tuple(text(item) for item in found)


def task_name(value: object) -> str:
    """One task, group or tag."""
    if not isinstance(value, str) or not value.strip() or "," in value:
        raise ValueError("one task's name in quotes")
    return storable(value.strip())


def yes_or_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")  # noqa: TRY004 - one kind of refusal for every reader
    return value


def whole_number(value: object, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= LARGEST:
        raise ValueError(f"a whole number, {least} or more")
    return value


def whole_number_typed(typed: str, least: int) -> int:
    try:
        number: object = int(typed)
    except ValueError:
        number = None
    return whole_number(number, least)


def limit_value(value: object) -> float:
    """A count of documents (whole, 1 or more) or a fraction of them (between 0 and 1)."""
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else 0
    if not (0 < number < 1 or (1 <= number <= LARGEST and number == int(number))):
        raise ValueError("a number of samples (1, 2, …) or a fraction of them (like 0.1)")
    return float(number)


def limit_or_all(value: object) -> float:
    """The same, or "all": infinity, which undoes the limit of a file or a suite."""
    return math.inf if value == "all" else limit_value(value)


def limit_typed(typed: str) -> float:
    """What somebody typed. Raises ValueError with what could be typed instead."""
    word = typed.strip().lower()
    try:
        return limit_or_all(word if word == "all" else float(word))
    except ValueError:
        raise ValueError("a number of samples (1, 2, …), a fraction of them (like 0.1), or all") from None


def limit_words(limit: float) -> str:
    """As one types it; read again, it is the same number."""
    return "all" if limit == math.inf else number_words(limit)


def number_words(number: float) -> str:
    """All digits of a finite number, without an exponent: `5`, `0.1`, `1234567`."""
    return str(int(number)) if number == int(number) else format(Decimal(repr(number)), "f")


def points(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 100:
        raise ValueError("a number of points, above 0 and at most 100")
    return float(value)


def seeds(value: object) -> tuple[int, int, int, int]:
    numbers: list[Any] = value if isinstance(value, list) else [value]
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,10}(,[0-9]{1,10})*", value):
        numbers = [int(part) for part in value.split(",")]
    if len(numbers) not in (1, 4) or not all(_is_seed(number) for number in numbers):
        raise ValueError("one whole number, or four (python, numpy, torch, few-shot), each below 4294967296")
    python, numpy, torch, few_shot = numbers * 4 if len(numbers) == 1 else numbers
    return (python, numpy, torch, few_shot)


def _is_seed(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**32  # numpy takes no larger one


def json_settings(value: dict[str, Any]) -> dict[str, Any]:
    """`value` as JSON has it. Raises ValueError for what a plan could not store."""
    try:
        plain: dict[str, Any] = json.loads(json.dumps(value, default=str, allow_nan=False))
        reason = _unstorable(plain)
    except (ValueError, RecursionError):
        reason = "finite numbers, not nested deeply"
    if reason:
        raise ValueError(f"settings with {reason}")
    return plain


def _unstorable(value: object) -> str:
    """What a plan expects instead of a part of `value`; "" when it can hold all of it."""
    for item in _leaves(value):
        if isinstance(item, float) and not math.isfinite(item):
            return "finite numbers"
        if isinstance(item, int) and not -(2**63) <= item < 2**63:
            return "whole numbers of at most 64 bits"
        if isinstance(item, str):
            try:
                storable(item)
            except ValueError as error:
                return str(error)
    return ""


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value
