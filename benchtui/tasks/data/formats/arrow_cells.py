"""Values of Arrow columns as cells: text stays as it is, everything typed becomes the text that people write for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from benchtui.tasks.data.rows import Bare, Cell
from benchtui.text import one_line

if TYPE_CHECKING:
    import pyarrow as pa

_ZEROS = re.compile(r"(?:\.0+|(\.\d*?[1-9])0+)(?=Z?$)")
DEEPEST = 32
"""Lists and structs inside one another."""
MOST_ITEMS = 16 * 1024 * 1024
"""In the lists of the rows that are Python's values at a time."""


def unread(type_: pa.DataType, depth: int = 0) -> str:
    """Return what a column of this type holds that is not read (bytes, maps), "" where all of it is read."""
    import pyarrow as pa
    from pyarrow import types

    if depth > DEEPEST:
        return "lists too deep in one another"
    if isinstance(type_, pa.BaseExtensionType):
        return unread(type_.storage_type, depth + 1)
    if types.is_dictionary(type_) or _is_list(type_):
        return unread(type_.value_type, depth + 1)
    if types.is_struct(type_):
        return next((why for field in type_ if (why := unread(field.type, depth + 1))), "")
    if _is_text(type_) or _is_written(type_) or types.is_floating(type_) or types.is_null(type_):
        return ""
    binary = types.is_binary(type_) or types.is_large_binary(type_) or types.is_binary_view(type_)
    return "bytes" if binary or types.is_fixed_size_binary(type_) else f"values of type {one_line(str(type_), 60)}"


def cells(array: pa.Array) -> list[Cell]:
    """Return a column's values as cells, None for null.

    Whole numbers as digits; other numbers as the shortest text that reads back as the same number, with a point; true
    and false; dates and times in ISO 8601, with a time zone in UTC (Z); durations as the number of their unit.
    """
    import pyarrow as pa
    from pyarrow import types

    type_ = array.type
    if isinstance(type_, pa.BaseExtensionType):
        return cells(array.storage)
    if types.is_dictionary(type_):
        return _of_dictionary(array)
    if _is_list(type_):
        return _lists(array)
    if types.is_struct(type_):
        return _structs(array)
    if _is_text(type_):
        return list(array.to_pylist())
    if types.is_null(type_):
        return [None] * len(array)
    if types.is_floating(type_):
        return [None if value is None else Bare(value) for value in _floats(array)]
    if types.is_timestamp(type_):
        zoned = array.cast(pa.timestamp(type_.unit, "UTC")) if type_.tz else array
        written = zoned.cast(pa.string()).to_pylist()
        return [None if value is None else Bare(_short(value).replace(" ", "T", 1)) for value in written]
    if types.is_time(type_):
        return [None if value is None else Bare(_short(value)) for value in array.cast(pa.string()).to_pylist()]
    if types.is_duration(type_):
        array = array.cast(pa.int64())
    return [None if value is None else Bare(value) for value in array.cast(pa.string()).to_pylist()]


def _short(time: str) -> str:
    """Return a time without the zeros that its unit adds: 12:00:00.500000000 is 12:00:00.5."""
    return _ZEROS.sub(r"\1", time)


def _floats(array: pa.Array) -> Iterator[str | None]:
    from pyarrow import types

    if types.is_float64(array.type):
        yield from (None if value is None else repr(value) for value in array.to_pylist())
        return
    numbers = array.to_numpy(zero_copy_only=False)  # of their own precision: 0.1, not 0.10000000149011612
    for known, number in zip(array.is_valid().to_pylist(), numbers, strict=True):
        yield repr(float(str(number))) if known else None


def _of_dictionary(array: pa.Array) -> list[Cell]:
    """Return the values that a few numbers mean, each of them once in memory."""
    used = array.indices.unique().drop_null()
    known = dict(zip(used.to_pylist(), cells(array.dictionary.take(used)), strict=True))
    return [None if index is None else known[index] for index in array.indices.to_pylist()]


def _lists(array: pa.Array) -> list[Cell]:
    """Raises ValueError for more items than rows that people wrote have: a list of nulls takes no room in a file."""
    from pyarrow import compute

    lengths = compute.list_value_length(array).to_pylist()
    if sum(length or 0 for length in lengths) > MOST_ITEMS:
        raise ValueError(f"lists of more than {MOST_ITEMS:,} items")
    values = iter(cells(array.flatten()))
    return [None if length is None else [next(values) for _ in range(length)] for length in lengths]


def _structs(array: pa.Array) -> list[Cell]:
    names = [field.name for field in array.type]
    columns = [cells(child) for child in array.flatten()]
    valid = array.is_valid().to_pylist()
    return [
        {name: column[place] for name, column in zip(names, columns, strict=True)} if known else None
        for place, known in enumerate(valid)
    ]


def _is_list(type_: pa.DataType) -> bool:
    from pyarrow import types

    tests = (types.is_list, types.is_large_list, types.is_fixed_size_list, types.is_list_view, types.is_large_list_view)
    return any(test(type_) for test in tests)


def _is_text(type_: pa.DataType) -> bool:
    from pyarrow import types

    return bool(types.is_string(type_) or types.is_large_string(type_) or types.is_string_view(type_))


def _is_written(type_: pa.DataType) -> bool:
    """Whether Arrow itself writes the values as people do."""
    from pyarrow import types

    tests = (types.is_integer, types.is_boolean, types.is_decimal, types.is_date, types.is_time, types.is_timestamp)
    return any(test(type_) for test in (*tests, types.is_duration))
