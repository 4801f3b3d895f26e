"""Opens a data file of any format that is read, recognised by its content first and its name second; gives its rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal

from benchtui.errors import UsageError
from benchtui.tasks.data.formats.columnar import ColumnarFile, columnar_format, columnar_rows, open_columnar
from benchtui.tasks.data.formats.csv_rows import DELIMITERS, csv_rows, layout
from benchtui.tasks.data.formats.foreign import refuse_foreign
from benchtui.tasks.data.formats.json_rows import json_rows, jsonl_rows
from benchtui.tasks.data.formats.json_values import BadJsonError, decoded
from benchtui.tasks.data.rows import Row
from benchtui.tasks.data.text_file import LONGEST_LINE, TextFile, named, open_text, opened, pieces
from benchtui.text import one_line

DataFormat = Literal["jsonl", "json", "csv", "parquet", "arrow"]
"""csv: also with tabs, semicolons or vertical bars. arrow: Arrow IPC, a file or a stream."""
FORMATS = "JSON, JSONL, CSV, TSV, Parquet and Arrow"
_JSONL_NAMES = frozenset({".jsonl", ".ndjson", ".jsonlines"})
_CSV_NAMES = frozenset({".csv", ".tsv", ".tab", ".psv"})
_HEAD_ROWS = 200
_HEAD_CHARACTERS = 32 * 1024 * 1024
_MAGIC = 4096
_LIST_OF_OBJECTS = re.compile(r"\[\s*(\{|$)")
_OUTSIDE_ASCII = re.compile(r"[^\n]{0,20}[^\x00-\x7f][^\n]{0,20}")


@dataclass(frozen=True)
class DataFile:
    """A data file that can be read. `columns` are the names in the header or the schema, of JSON those that occur in
    the first 200 rows. `encoding` and `delimiter` are None where the format has none. `sha256` (hex) is of all bytes;
    `notes` are sentences for the user. `content` is for `read_rows`."""

    path: Path
    format: DataFormat
    encoding: str | None
    delimiter: str | None
    columns: tuple[str, ...]
    sha256: str
    notes: tuple[str, ...]
    content: TextFile | ColumnarFile


def open_data(path: Path) -> DataFile:
    """Recognise format, encoding, delimiter and columns of a file, which is read once to its end.

    Raises UsageError: it is no regular file, of no format that is read, damaged in its first 200 rows, or has no rows.
    """
    with opened(path) as file:
        head = file.read(_MAGIC)
    if not head:
        raise UsageError(f"{named(path)} is empty.", "Name a file with rows.")
    if format_ := columnar_format(head):
        columnar = open_columnar(path, format_)
        return _with_rows(
            DataFile(path, format_, None, None, columnar.columns, columnar.sha256, columnar.notes, columnar)
        )
    refuse_foreign(head, named(path))
    text = open_text(path)
    of_text = _text_format(text)
    delimiter = layout(text).delimiter if of_text == "csv" else None
    return _with_rows(
        DataFile(path, of_text, text.encoding, delimiter, (), text.sha256, tuple(_notes(text, of_text)), text)
    )


def read_rows(data: DataFile, said: list[str] | None = None) -> Iterator[Row]:
    """Yield all rows in the order of the file, from one reading, in bounded memory.

    `said` gets, when all has been read, sentences for the user that only the end of the file can tell (empty rows that
    were left out). Raises UsageError with the place: what cannot be read; and when the file has changed since
    `open_data`.
    """
    said = [] if said is None else said
    if isinstance(data.content, ColumnarFile):
        return columnar_rows(data.content)
    if data.format == "jsonl":
        return jsonl_rows(data.content, said)
    if data.format == "json":
        return json_rows(data.content, said)
    return csv_rows(data.content, data.delimiter or ",", said)


def first_rows(data: DataFile, count: int = _HEAD_ROWS) -> list[Row]:
    """Return up to `count` rows from the file's beginning, fewer where they are very long. Raises as `read_rows`."""
    rows, size = [], 0
    for row in islice(read_rows(data), count):
        rows.append(row)
        size += sum(_size(cell) for cell in row.cells.values())
        if size > _HEAD_CHARACTERS:
            break
    return rows


def _size(cell: object) -> int:
    if isinstance(cell, str):
        return len(cell)
    inside = cell.values() if isinstance(cell, dict) else cell if isinstance(cell, list) else ()
    return 8 + sum(_size(inner) for inner in inside)


def _with_rows(data: DataFile) -> DataFile:
    """Return `data` with the columns of its first rows. Raises UsageError where there is none."""
    rows = first_rows(data)
    if not rows:
        raise UsageError(f"{named(data.path)} has no rows.", "Name a file with rows.")
    columns = data.columns or tuple(dict.fromkeys(name for row in rows for name in row.cells))
    if not columns:
        raise UsageError(f"{named(data.path)}: its rows hold nothing.", "Name a file with rows.")
    return replace(data, columns=columns)


def _text_format(text: TextFile) -> DataFormat:
    suffix = text.path.suffix.lower()
    head, several = _beginning(text)
    if not head:
        raise UsageError(f"{named(text.path)} holds nothing but white space.", "Name a file with rows.")
    if (format_ := _json_format(head, suffix, several)) is not None:
        return format_
    if not several and "\r" in head.rstrip():
        raise UsageError(
            f"{named(text.path)}: its lines end with a carriage return only, as on old Macs.",
            "Save it with line feeds (\\n).",
        )
    found = layout(text)
    if suffix in _CSV_NAMES or (found.consistent and found.columns > 1):
        return "csv"
    raise UsageError(f"{named(text.path)} is none of the formats that are read: {FORMATS}.", "Save it as one of them.")


def _json_format(head: str, suffix: str, several: bool) -> DataFormat | None:
    """Return which JSON a file is whose first line is `head`, with `several` lines in all or one; None: it is none."""
    if head[0] == "[":
        return "json" if suffix not in _CSV_NAMES or _LIST_OF_OBJECTS.match(head) else None
    if head[0] != "{":
        return None
    try:
        _, end = decoded(head, 0)
        several = several or bool(head[end:].strip())
    except BadJsonError:
        pass  # an object in one line, which is refused when it is read
    except json.JSONDecodeError:
        if suffix in _CSV_NAMES:
            return None
        opened_only = head.rstrip()[-1] in "{[,"  # an object that goes over several lines
        return "jsonl" if suffix in _JSONL_NAMES and not opened_only else "json"
    return "jsonl" if several or suffix in _JSONL_NAMES else "json"


def _beginning(text: TextFile) -> tuple[str, bool]:
    """Return the first line that is not empty, not much more than LONGEST_LINE of it, and whether others follow."""
    held = ""
    for piece in pieces(text):
        held = (held + piece).lstrip(" \t\r\n")
        line, _, after = held.partition("\n")
        if after.strip():
            return line, True
        if len(line) > LONGEST_LINE:
            break
    return held, False


def _notes(text: TextFile, format_: DataFormat) -> Iterator[str]:
    suffix, name = text.path.suffix.lower(), one_line(text.path.name)
    if format_ == "json" and suffix in (_JSONL_NAMES | _CSV_NAMES):
        yield f"{name} is JSON, whatever its name says."
    if format_ == "jsonl" and suffix in (_CSV_NAMES | {".json"}):
        yield f"{name} is JSONL, an object a line, whatever its name says."
    if format_ == "csv" and suffix not in _CSV_NAMES:
        yield f"{name} is read as CSV: its first lines have as many values each as the header."
    if format_ == "csv" and (found := layout(text)).others:
        other = " and ".join(DELIMITERS[delimiter] for delimiter in found.others)
        yield f"Values are separated by the {DELIMITERS[found.delimiter]}; {other} would fit as well."
    if text.guessed:
        yield f'{name} is not UTF-8. Read as {text.encoding}: "{_sample(text)}". If that is wrong, save it as UTF-8.'


def _sample(text: TextFile) -> str:
    """Return the words around the first character outside ASCII."""
    found = next((found for piece in pieces(text) if (found := _OUTSIDE_ASCII.search(piece))), None)
    return one_line(found[0], 60) if found else ""
