"""What stands in a file is what is read: every text, in every format and encoding, wherever a piece of it ends."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.tasks.data import text_file
from benchtui.tasks.data.formats.csv_rows import BadCsvError, records
from benchtui.tasks.data.read import open_data, read_rows

CHARACTERS = st.one_of(
    st.sampled_from(list("\"',;|\t\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029\ufeff {}[]:\\aé漢😀")),
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
)
TEXTS = st.one_of(
    st.sampled_from(
        ["NA", "N/A", "None", "null", "007", "1.50", "1e5", "inf", "NaN", "True", "2024-05-01", " x ", "\r"]
    ),
    st.text(CHARACTERS, max_size=12),
)
PIECES = st.sampled_from([1, 2, 3, 7, 1 << 20])
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])

Table = list[list[str]]


def tables(texts: st.SearchStrategy[str] = TEXTS) -> st.SearchStrategy[Table]:
    def rows(width: int) -> st.SearchStrategy[Table]:
        return st.lists(st.lists(texts, min_size=width, max_size=width), min_size=1, max_size=5)

    return st.integers(1, 3).flatmap(rows)


def read_back(name: str, content: bytes, piece: int = 1 << 20) -> list[list[object]]:
    with TemporaryDirectory() as folder, patch.object(text_file, "_CHUNK", piece):
        path = Path(folder, name)
        path.write_bytes(content)
        return [list(row.cells.values()) for row in read_rows(open_data(path))]


def header(rows: Table) -> list[str]:
    return [f"column {number + 1}" for number in range(len(rows[0]))]


@settings(max_examples=200, deadline=None)
@given(
    tables().filter(lambda rows: all(any(row) and (len(row) > 1 or row[0].strip()) for row in rows)),
    st.sampled_from(",;\t|"),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    ENCODINGS,
    PIECES,
)
def test_csv(rows: Table, delimiter: str, quoting: int, encoding: str, piece: int) -> None:
    text = io.StringIO()
    separator = delimiter if len(rows[0]) > 1 else ","
    csv.writer(text, delimiter=separator, quoting=quoting).writerows([header(rows), *rows])  # type: ignore[arg-type]
    assert read_back("a.csv", text.getvalue().encode(encoding), piece) == rows


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from('ab",\n;'), min_size=1, max_size=14))
def test_quotes_are_understood_as_python_does(text: str) -> None:
    lines = text.removesuffix("\n").split("\n")
    try:
        found = [cells for _, cells in records(iter(enumerate(lines, 1)), ",")]
    except BadCsvError:
        found = None
    try:
        wanted = [cells or [""] for cells in csv.reader(io.StringIO(text, newline=""), strict=True)]
    except csv.Error:
        wanted = None
    assert found == wanted


@settings(max_examples=200, deadline=None)
@given(tables(), st.booleans(), st.sampled_from(["\n", "\r\n"]), ENCODINGS, PIECES)
def test_jsonl(rows: Table, ascii_only: bool, end: str, encoding: str, piece: int) -> None:
    lines = [json.dumps(dict(zip(header(rows), row, strict=True)), ensure_ascii=ascii_only) + end for row in rows]
    assert read_back("a.jsonl", "".join(lines).encode(encoding), piece) == rows


@settings(max_examples=200, deadline=None)
@given(tables(), st.booleans(), st.sampled_from([None, 1]), st.booleans(), ENCODINGS, PIECES)
def test_json(rows: Table, ascii_only: bool, indent: int | None, inside: bool, encoding: str, piece: int) -> None:
    objects = [dict(zip(header(rows), row, strict=True)) for row in rows]
    document = {"version": 1.0, "data": objects, "end": [1]} if inside else objects
    text = json.dumps(document, ensure_ascii=ascii_only, indent=indent)
    assert read_back("a.json", text.encode(encoding), piece) == rows


@settings(max_examples=60, deadline=None)
@given(tables(st.one_of(TEXTS, st.just("\0"))), st.sampled_from(["parquet", "file", "stream"]))
def test_parquet_and_arrow(rows: Table, kind: str) -> None:
    table = pa.table(dict(zip(header(rows), map(list, zip(*rows, strict=True)), strict=True)))
    sink = io.BytesIO()
    if kind == "parquet":
        pq.write_table(table, sink)
    else:
        with (pa.ipc.new_file if kind == "file" else pa.ipc.new_stream)(sink, table.schema) as writer:
            writer.write_table(table)
    assert read_back("a.data", sink.getvalue()) == rows


NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)


@settings(max_examples=100, deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=5), PIECES)
def test_numbers_of_json_keep_their_characters(numbers: list[str], piece: int) -> None:
    lines = "".join(f'{{"a": {number}, "b": [{number}]}}\n' for number in numbers)
    assert read_back("a.jsonl", lines.encode(), piece) == [[number, [number]] for number in numbers]
    assert read_back("a.json", f"[{','.join(lines.splitlines())}]".encode(), piece) == [[n, [n]] for n in numbers]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(allow_nan=False), min_size=1, max_size=5), st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5)
)
def test_numbers_of_parquet_are_written_as_python_writes_them(floats: list[float], whole: list[int]) -> None:
    count = min(len(floats), len(whole))
    sink = io.BytesIO()
    pq.write_table(pa.table({"f": floats[:count], "i": pa.array(whole[:count], pa.int64())}), sink)
    if count:
        wanted = [[repr(number), str(integer)] for number, integer in zip(floats, whole, strict=False)]
        assert read_back("a.parquet", sink.getvalue()) == wanted
