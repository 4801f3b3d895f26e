"""One JSON value of people's data: numbers keep their characters, and what two programs could read differently is
refused."""

from __future__ import annotations

import json
import re
from typing import NoReturn

from benchtui.tasks.data.rows import Bare, Cell
from benchtui.tasks.data.text_file import twice
from benchtui.text import one_line

DEEPEST = 64
"""Lists and objects inside one another."""
_SPACE = re.compile(r"[ \t\n\r]*")
_SURROGATE = re.compile("[\ud800-\udfff]")
_TRUE, _FALSE = Bare("true"), Bare("false")


class BadJsonError(ValueError):
    """JSON that is not read; the message says why."""


def decoded_line(text: str) -> Cell:
    """Return the value that a line of JSONL is. Raises BadJsonError."""
    try:
        value, end = decoded(text, skip_space(text, 0))
    except json.JSONDecodeError as error:
        raise BadJsonError(f"{in_words(error)}, at character {error.pos + 1}") from None
    end = skip_space(text, end)
    if end < len(text):
        raise BadJsonError(f"more text after the value, at character {end + 1}")
    return value


def decoded(text: str, start: int) -> tuple[Cell, int]:
    """Return the value that begins at `start`, and where it ends.

    Raises BadJsonError; json.JSONDecodeError for text that is no JSON, or only the beginning of a value.
    """
    try:
        value, end = _DECODER.raw_decode(text, start)
        value = _as_cell(value)
    except RecursionError:
        raise _too_deep() from None
    part = text[start:end]
    if part.count("[") + part.count("{") > DEEPEST and _deeper(value):
        raise _too_deep()
    if "\\ud" in part or "\\uD" in part:
        _check_surrogates(value)
    return value, end


def skip_space(text: str, start: int) -> int:
    """Return where JSON's white space, if any, ends."""
    found = _SPACE.match(text, start)
    return found.end() if found else start


def in_words(error: json.JSONDecodeError) -> str:
    """Return what is wrong, without the place."""
    if error.msg.startswith("Invalid control character"):
        return "no valid JSON: a control character (a tab?) in a text, which JSON writes as \\t or \\u0009"
    what = error.msg.removesuffix(" at").removesuffix(" starting")
    return f"no valid JSON: {what[:1].lower()}{what[1:]}"


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {name: _as_cell(value) for name, value in pairs}
    if len(found) < len(pairs) and (again := twice(name for name, _ in pairs)) is not None:
        raise BadJsonError(f'the name "{one_line(again, 60)}" occurs twice in an object')
    return found


def _as_cell(value: object) -> Cell:
    if value is True:
        return _TRUE
    if value is False:
        return _FALSE
    if isinstance(value, list):
        return [_as_cell(item) for item in value]
    return value  # type: ignore[return-value]  # a text, a Bare, None, or what _object made


def _no_number(word: str) -> NoReturn:
    # Python's json writes these for a missing number; taken as text, "NaN" would become a gold answer or a prompt.
    raise BadJsonError(f'{word} is no JSON: write null where nothing is meant, or "{word}" as text')


def _too_deep() -> BadJsonError:
    return BadJsonError(f"lists and objects lie more than {DEEPEST} deep in one another")


def _deeper(value: object) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
    return any(isinstance(inner, list | dict) for inner in level)


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _check_surrogates(value: object) -> None:
    texts = [*value, *_inside(value)] if isinstance(value, dict) else _inside(value)
    for inner in [value, *texts]:
        if isinstance(inner, str) and _SURROGATE.search(inner):
            raise BadJsonError("half of a surrogate pair (\\ud800 to \\udfff) stands alone, which is no character")
    for inner in _inside(value):
        if isinstance(inner, list | dict):
            _check_surrogates(inner)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=Bare, parse_int=Bare, parse_constant=_no_number, strict=True
)
