"""Files that were cut, spliced or hit by flipped bits: rows, or one line that says what is wrong; never a traceback."""

from __future__ import annotations

import csv
import io
import json
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.errors import UsageError
from benchtui.tasks.data.chats import chat_form, chat_notes
from benchtui.tasks.data.read import open_data, read_rows

ROWS = [
    {"q": 'Hé "x"', "n": 1.5, "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
    {"q": None, "n": 2, "messages": []},
]
TOKENS = [
    b'"',
    b",",
    b"\n",
    b"\r",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\\ud800",
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"NaN",
    b"\xe9",
]
LENGTHS = [b"\xff\xff\xff\x7f", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\1\0\0\0"]


def _csv() -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([["q", "a"], ['x,\n"', "é"], ["y", "7"]])
    return text.getvalue().encode()


def _table(kind: str) -> bytes:
    table = pa.table(
        {"q": ["a", None], "l": [["b"], None], "s": [{"x": 1}, None], "d": pa.array(["u", "u"]).dictionary_encode()}
    )
    sink = io.BytesIO()
    if kind == "parquet":
        pq.write_table(table, sink)
    else:
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    return sink.getvalue()


FILES = {
    "a.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS).encode(),
    "a.json": json.dumps({"v": [1], "data": ROWS}, indent=1).encode(),
    "a.csv": _csv(),
    "a.parquet": _table("parquet"),
    "a.arrow": _table("arrow"),
}


@st.composite
def damaged(draw: st.DrawFn, name: str) -> bytes:
    content = bytearray(FILES[name])
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(content)))
        what = draw(st.sampled_from(["token", "length", "cut out", "cut off", "flip"]))
        if what == "token":
            content[place:place] = draw(st.sampled_from(TOKENS))
        elif what == "length":
            content[place : place + 4] = draw(st.sampled_from(LENGTHS))
        elif what == "cut out":
            del content[place : place + draw(st.integers(1, 40))]
        elif what == "cut off":
            del content[place:]
        elif place < len(content):
            content[place] ^= 1 << draw(st.integers(0, 7))
    return bytes(content)


def refusal(path: Path) -> UsageError | None:
    """Return why the file is not read, None where it is."""
    try:
        opened = open_data(path)
        rows = list(islice(read_rows(opened), 1000))
        if form := chat_form(opened.columns, rows):
            chat_notes(rows, form)
    except UsageError as error:
        return error
    return None


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=120, deadline=None)
@given(st.data())
def test_a_damaged_file_is_read_or_refused_in_one_line(name: str, data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(data.draw(damaged(name)))
        error = refusal(path)
    assert error is None or (error.next_step and "\n" not in str(error))
