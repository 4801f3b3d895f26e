"""Rows of JSONL (an object a line) and of JSON (one list of objects, alone or inside an object), in pieces."""

from __future__ import annotations

from collections.abc import Iterator

from benchtui.errors import UsageError
from benchtui.tasks.data.formats.json_stream import JsonStream
from benchtui.tasks.data.formats.json_values import BadJsonError, decoded_line
from benchtui.tasks.data.rows import Cell, Row
from benchtui.tasks.data.text_file import LONGEST_LINE, TextFile, counted, lines, named, too_long
from benchtui.text import one_line

_CELLS = frozenset({"messages", "conversations", "conversation", "turns", "chosen", "rejected", "prompt", "choices"})
"""Names of lists of objects that lie in one row and are never the rows."""


def jsonl_rows(text: TextFile, said: list[str]) -> Iterator[Row]:
    """Yield a row of every line that is not empty. Raises UsageError with the line that is no object.

    `said` gets a sentence about empty lines when all has been read.
    """
    number = empty = 0
    for line, content in lines(text):
        if not content.strip(" \t\r"):
            empty += 1
            continue
        number += 1
        try:
            if len(content) > LONGEST_LINE:
                raise too_long(text.path, f"line {line}")
            value = decoded_line(content)
        except BadJsonError as error:
            raise bad_json(text, f"line {line}", str(error)) from None
        yield Row(number, line, _an_object(text, f"line {line}", value))
    if empty:
        said.append(f"{counted(empty, 'empty line')} left out.")


def json_rows(text: TextFile, said: list[str]) -> Iterator[Row]:
    """Yield the objects of the list that the file is, or of the only list of objects inside its one object.

    An object without such a list is one row. Raises UsageError: no valid JSON, an item that is no object, an object
    of columns, or several lists of objects.
    """
    stream = JsonStream(text)
    try:
        if stream.peek() == "[":
            yield from _of_list(stream, "the list")
        elif stream.peek() == "{":
            yield from _of_object(stream, said)
        else:
            raise bad_json(text, f"line {stream.line}", "neither a list nor an object")
        if stream.peek():
            raise bad_json(
                text, f"line {stream.line}", "more text follows the end (JSONL has an object, not a list, in each line)"
            )
    except BadJsonError as error:
        raise bad_json(text, f"line {stream.line}", str(error)) from None


def _of_list(stream: JsonStream, name: str) -> Iterator[Row]:
    """Yield the items of a list. Where the first two begin in one line, lines say nothing and are left out."""
    first: Row | None = None
    number, lined = 0, True
    for line, item in stream.items():
        number += 1
        row = Row(number, line, _an_object(stream.text, f"line {line}: item {number} of {name}", item))
        if number == 1:
            first = row
            continue
        if first is not None:
            lined = first.line != line
            yield first if lined else Row(first.number, None, first.cells)
            first = None
        yield row if lined else Row(number, None, row.cells)
    if first is not None:
        yield Row(first.number, None, first.cells)


def _of_object(stream: JsonStream, said: list[str]) -> Iterator[Row]:
    text, found, held = stream.text, "", 0
    others: dict[str, object] = {}
    for line, name in stream.names():
        if name in _CELLS or not stream.at_list_of_objects():
            begin = stream.done
            others[name] = stream.value()
            held += stream.done - begin
            if held > LONGEST_LINE:
                raise too_long(text.path, f"line {line}, what is beside the rows")
        elif found:
            both = f'"{one_line(found)}" and "{one_line(name)}"'
            raise UsageError(
                f"{named(text.path)}, line {line}: two lists could be the rows, {both}.",
                "Save one of them as a file of its own.",
            )
        else:
            found = name
            yield from _of_list(stream, f'"{one_line(name)}"')
    if found:
        left = ", ".join(one_line(name, 40) for name in list(others)[:8])
        said.append(f'The rows are in "{one_line(found)}"' + (f"; beside it, not used: {left}." if left else "."))
        return
    if _is_columns(others):
        raise UsageError(
            f"{named(text.path)} is an object of columns, not a list of rows.",
            'Save it as a list of objects (pandas: to_json(…, orient="records")).',
        )
    yield Row(1, None, others)  # type: ignore[arg-type]  # cells, by `decoded`


def _is_columns(values: dict[str, object]) -> bool:
    """Whether an object holds all of the columns as lists, or as objects from row numbers to values (pandas)."""
    if not values or values.keys() & _CELLS:
        return False
    return any(all(isinstance(value, kind) for value in values.values()) for kind in (list, dict))


def _an_object(text: TextFile, place: str, value: Cell) -> dict[str, Cell]:
    if not isinstance(value, dict):
        kind = "a list" if isinstance(value, list) else "null" if value is None else "a single value"
        raise UsageError(
            f"{named(text.path)}, {place} is {kind}, not an object.",
            'Write rows as objects: {"question": "…", "answer": "…"}.',
        )
    return value  # type: ignore[return-value]  # cells, by `decoded`


def bad_json(text: TextFile, place: str, what: str) -> UsageError:
    """Return what to tell a user whose file is not read further than `place`."""
    return UsageError(f"{named(text.path)}, {place}: {one_line(what, 300)}.", "Correct it there.")
