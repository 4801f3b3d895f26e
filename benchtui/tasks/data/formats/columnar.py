"""Rows of Parquet and Arrow IPC files, batch by batch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from benchtui.errors import UsageError
from benchtui.tasks.data.formats.arrow_cells import cells, unread
from benchtui.tasks.data.rows import Row
from benchtui.tasks.data.text_file import changed, named, opened, twice
from benchtui.text import one_line

if TYPE_CHECKING:
    import pyarrow as pa

ColumnarFormat = Literal["parquet", "arrow"]
_BATCH = 256
"""Rows of a Parquet file that are decoded at a time, and of any that are Python's values at a time. An Arrow file is
read by its own record batches."""
_MOST_NAMES = 12


@dataclass(frozen=True)
class ColumnarFile:
    """A Parquet or Arrow file. `columns` are those that are read; `notes` say what the others hold and what numbers of
    classes mean; `sha256` (hex) is of all bytes."""

    path: Path
    format: ColumnarFormat
    columns: tuple[str, ...]
    notes: tuple[str, ...]
    sha256: str


def columnar_format(head: bytes) -> ColumnarFormat | None:
    """Return the format that a file's first bytes belong to, None for any other."""
    if head.startswith(b"PAR1") and b"\0" in head:  # without, a CSV file whose first column has this name
        return "parquet"
    return "arrow" if head.startswith((b"ARROW1\0\0", b"\xff\xff\xff\xff")) else None


def open_columnar(path: Path, format_: ColumnarFormat) -> ColumnarFile:
    """Read the schema of a file, and all of it for its digest.

    Raises UsageError: it is damaged, two columns have one name, or none can be read.
    """
    with opened(path) as file, _explained(path, format_):  # also names are read, and may not be text
        schema, _ = _batches(file, format_, None)
        columns, notes = _columns(path, schema)
        return ColumnarFile(path, format_, columns, notes, _digest(file))


def _columns(path: Path, schema: pa.Schema) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the columns that are read, and sentences about the others and about what numbers mean."""
    if (name := twice(schema.names)) is not None:
        raise UsageError(f'{named(path)}: two columns have the name "{one_line(name, 60)}".', "Rename one of them.")
    why = {field.name: unread(field.type) for field in schema}
    columns = tuple(name for name, reason in why.items() if not reason)
    if not columns:
        raise UsageError(f"{named(path)} has no column of text, numbers or dates.", "Name a file that has one.")
    left = [f'Column "{one_line(name, 60)}" is not read: it holds {reason}.' for name, reason in why.items() if reason]
    return columns, (*left, *_class_names(schema, columns))


def columnar_rows(data: ColumnarFile) -> Iterator[Row]:
    """Yield all rows. Raises UsageError: the file is damaged, or has changed since it was opened."""
    number = 0
    with opened(data.path) as file:
        for table in _slices(file, data):
            for values in zip(*table, strict=True):
                number += 1
                yield Row(number, None, dict(zip(data.columns, values, strict=True)))
        if _digest(file) != data.sha256:
            raise changed(data.path)


def _slices(file: BinaryIO, data: ColumnarFile) -> Iterator[list[list[object]]]:
    """Yield the columns of a few rows at a time, as cells."""
    with _explained(data.path, data.format):
        _, batches = _batches(file, data.format, data.columns)
        for batch in batches:
            batch.validate(full=True)  # a damaged file may point anywhere
            for start in range(0, batch.num_rows, _BATCH):
                part = batch.slice(start, _BATCH)
                yield [list(cells(part.column(name))) for name in data.columns]


def _batches(
    file: BinaryIO, format_: ColumnarFormat, columns: tuple[str, ...] | None
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Return a file's schema and its record batches, which are read one after another."""
    import pyarrow as pa

    file.seek(0)
    if format_ == "parquet":
        import pyarrow.parquet as pq

        parquet = pq.ParquetFile(file, pre_buffer=False)
        return parquet.schema_arrow, parquet.iter_batches(_BATCH, columns=list(columns) if columns else None)
    if file.read(6) == b"ARROW1":
        file.seek(0)
        whole = pa.ipc.open_file(file)
        return whole.schema, (whole.get_batch(number) for number in range(whole.num_record_batches))
    file.seek(0)
    stream = pa.ipc.open_stream(file)
    return stream.schema, iter(stream)


def _digest(file: BinaryIO) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # it is a BufferedReader


def _class_names(schema: pa.Schema, columns: tuple[str, ...]) -> Iterator[str]:
    """Yield a sentence about each column of class numbers, whose names the datasets library keeps in the schema."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return
    for column in columns if isinstance(features, dict) else ():
        feature = features.get(column)
        names = feature.get("names") if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" else None
        if isinstance(names, list):
            written = ", ".join(
                f"{number} {one_line(str(name), 40)}" for number, name in enumerate(names[:_MOST_NAMES])
            )
            more = ", …" if len(names) > _MOST_NAMES else ""
            yield f'Column "{one_line(column, 60)}" holds numbers of classes: {written}{more}.'


@contextmanager
def _explained(path: Path, format_: ColumnarFormat) -> Iterator[None]:
    """Turn what pyarrow raises for a damaged file into one line."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        what = one_line(str(error), 200) or type(error).__name__
        raise UsageError(
            f"{named(path)} is not a whole {format_.capitalize()} file: {what.rstrip('.')}.", "Get or write it again."
        ) from None
