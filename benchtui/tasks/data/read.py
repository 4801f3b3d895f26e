"""Opens a data file of any format that is read, recognised by its content first and its name second; gives its rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from benchtui.errors import UsageError
from benchtui.tasks.data.formats import csv_rows, json_rows
from benchtui.tasks.data.formats.json_values import BadJsonError, decoded_line
from benchtui.tasks.data.rows import Row
from benchtui.tasks.data.text_file import LONGEST_LINE, TextFile, named, open_text, opened, pieces

DataFormat = Literal["jsonl", "json", "csv"]
"""csv: also with tabs, semicolons or vertical bars."""
FORMATS = "JSON, JSONL, CSV and TSV"
_JSONL_NAMES = frozenset({".jsonl", ".ndjson", ".jsonlines"})
_CSV_NAMES = frozenset({".csv", ".tsv", ".tab", ".psv"})
_HEAD_ROWS = 200


@dataclass(frozen=True)
class DataFile:
    """A data file that can be read. `columns` are the names in the header or the schema, of JSON those that occur in
    the first 200 rows. `encoding` and `delimiter` are None where the format has none. `sha256` (hex) is of all bytes;
    `notes` are sentences for the user. `text` is for `read_rows`."""

    path: Path
    format: DataFormat
    encoding: str | None
    delimiter: str | None
    columns: tuple[str, ...]
    sha256: str
    notes: tuple[str, ...]
    text: TextFile


def open_data(path: Path) -> DataFile:
    """Recognise format, encoding, delimiter and columns of a file, which is read once to its end.

    Raises UsageError: it is no regular file, of no format that is read, damaged in its first 200 rows, or has no rows.
    """
    with opened(path) as file:
        if not file.read(1):
            raise UsageError(f"{named(path)} is empty.", "Name a file with rows.")
    text = open_text(path)
    format_ = _text_format(text)
    delimiter = csv_rows.layout(text).delimiter if format_ == "csv" else None
    seen = DataFile(path, format_, text.encoding, delimiter, (), text.sha256, (), text)
    rows = first_rows(seen, _HEAD_ROWS)
    if not rows:
        raise UsageError(f"{named(path)} has no rows.", "Name a file with rows.")
    columns = tuple(dict.fromkeys(name for row in rows for name in row.cells))
    return DataFile(path, format_, text.encoding, delimiter, columns, text.sha256, tuple(_notes(seen)), text)


def read_rows(data: DataFile, said: list[str] | None = None) -> Iterator[Row]:
    """Yield all rows in the order of the file, from one reading, in bounded memory.

    `said` gets, when all has been read, sentences for the user that only the end of the file can tell (empty rows that
    were left out). Raises UsageError with the place: what cannot be read; and when the file has changed since
    `open_data`.
    """
    said = [] if said is None else said
    if data.format == "jsonl":
        return json_rows.jsonl_rows(data.text, said)
    if data.format == "json":
        return json_rows.json_rows(data.text, said)
    return csv_rows.csv_rows(data.text, data.delimiter or ",", said)


def first_rows(data: DataFile, count: int = _HEAD_ROWS) -> list[Row]:
    """Return up to `count` rows from the file's beginning. Raises as `read_rows`."""
    return list(islice(read_rows(data), count))


def _text_format(text: TextFile) -> DataFormat:
    suffix = text.path.suffix.lower()
    head, lines = _beginning(text)
    if not head:
        raise UsageError(f"{named(text.path)} holds nothing but white space.", "Name a file with rows.")
    if head[0] == "[" and suffix not in _CSV_NAMES:
        return "json"
    if head[0] == "{":
        try:
            decoded_line(head)
        except BadJsonError:
            whole = head.rstrip()[-1:] in "{[,"
            if suffix not in _CSV_NAMES:
                return "json" if whole or suffix not in _JSONL_NAMES else "jsonl"
        else:
            return "jsonl" if lines > 1 or suffix in _JSONL_NAMES else "json"
    layout = csv_rows.layout(text)
    if suffix in _CSV_NAMES or (layout.consistent and layout.columns > 1):
        return "csv"
    raise UsageError(f"{named(text.path)} is none of the formats that are read: {FORMATS}.", "Save it as one of them.")


def _beginning(text: TextFile) -> tuple[str, int]:
    """Return the first line that is not empty, not much more than LONGEST_LINE of it, and 2 where others follow."""
    held = ""
    for piece in pieces(text):
        held = (held + piece).lstrip(" \t\r\n")
        line, _, after = held.partition("\n")
        if after.strip():
            return line, 2
        if len(line) > LONGEST_LINE:
            break
    return held, 1


def _notes(data: DataFile) -> Iterator[str]:
    suffix = data.path.suffix.lower()
    if data.format == "json" and suffix in _JSONL_NAMES:
        yield f"{data.path.name} is JSON, not JSONL as its name says."
    if data.format == "jsonl" and suffix == ".json":
        yield f"{data.path.name} is JSONL (an object a line), not JSON as its name says."
