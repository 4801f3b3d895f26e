"""Files of people's own as they are found on disks: the format, the rows, or one line that says what is wrong."""

from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchtui.errors import UsageError
from benchtui.tasks.data.read import DataFile, first_rows, open_data, read_rows


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def rows_of(data: DataFile) -> list[dict[str, object]]:
    return [dict(row.cells) for row in read_rows(data)]


XY = [{"q": "x", "a": "y"}]


@pytest.mark.parametrize(
    ("name", "content", "format_", "rows"),
    [
        ("a.jsonl", '{"a":1.50,"b":true}\n\n{"a":null}\n', "jsonl", [{"a": "1.50", "b": "true"}, {"a": None}]),
        ("a.jsonl", '{"q":"x","a":"y"}\r\n', "jsonl", XY),
        ("a.jsonl", '{"q":"x\u2028z","a":"y\u0085"}\n', "jsonl", [{"q": "x\u2028z", "a": "y\u0085"}]),
        ("a.jsonl", '[{"q":"x","a":"y"}]', "json", XY),
        ("a.jsonl", '{\n"q":"x",\n"a":"y"}', "json", XY),
        ("a.json", '{"q":"x","a":"y"}\n{"q":"x","a":"y"}\n', "jsonl", XY * 2),
        ("a.json", '[{"q": "x"},\n {"q": 7.0}]', "json", [{"q": "x"}, {"q": "7.0"}]),
        ("a.json", '{"v": 1, "data": [{"q": "x"}, {"q": "y"}]}', "json", [{"q": "x"}, {"q": "y"}]),
        ("a.json", '{"q": "x", "choices": ["y", "z"]}', "json", [{"q": "x", "choices": ["y", "z"]}]),
        ("a.json", '{"messages": [{"role": "user"}]}', "json", [{"messages": [{"role": "user"}]}]),
        ("a.csv", '[{"q":"x","a":"y"}]', "json", XY),
        ("a.csv", 'q,a\nx,"y ""z"",\n"\n007,NA\n', "csv", [{"q": "x", "a": 'y "z",\n'}, {"q": "007", "a": "NA"}]),
        ("a.csv", "q;a\r\nx,y;1,5\r\n", "csv", [{"q": "x,y", "a": "1,5"}]),
        ("a.csv", "q|a\nx,;|y\n", "csv", [{"q": "x,;", "a": "y"}]),
        ("a.csv", "sep=;\r\nq;a\r\nx;y\r\n", "csv", XY),
        ("a.csv", " q ,a\nx,y\n,\n\n   \n", "csv", XY),
        ("a.csv", "q,a\nx\x0b\x0c\x1c\u2028,y\rz\n", "csv", [{"q": "x\x0b\x0c\x1c\u2028", "a": "y\rz"}]),
        ("a.csv", ",q\n0,x\n", "csv", [{"column 1": "0", "q": "x"}]),
        ("a.csv", "text\nx\n", "csv", [{"text": "x"}]),
        ("a.csv", "ORCID,PAR1\nx,y\n", "csv", [{"ORCID": "x", "PAR1": "y"}]),
        ("a.txt", "q\ta\nx\ty\n", "csv", XY),
        ("a.tsv", "q\ta\nx\ty\n".encode("utf-16"), "csv", XY),
        ("a.tsv", b"\xfe\xff" + "q\ta\nx\ty\n".encode("utf-16-be"), "csv", XY),
        ("a.csv", b"\xef\xbb\xbfq,a\nx,y", "csv", XY),
        ("a.csv", "q,a\n“é”,€\n".encode("cp1252"), "csv", [{"q": "“é”", "a": "€"}]),
        ("a.csv", b"q,a\n\xe9,\x81\n", "csv", [{"q": "é", "a": "\x81"}]),
    ],
)
def test_rows_are_read(
    tmp_path: Path, name: str, content: str | bytes, format_: str, rows: list[dict[str, object]]
) -> None:
    data = open_data(written(tmp_path, name, content))
    assert data.format == format_
    assert rows_of(data) == rows
    assert list(data.columns) == list(dict.fromkeys(name for row in rows for name in row))


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.csv", "question,answer\na,b,\nc,d\n", "line 2: row 1 has 3 values, the header 2 names"),
        ("a.csv", "question,answer\na,b\nc,d,\n", "line 3: row 2 has 3 values, the header 2 names"),
        ("a.csv", "question,answer,\na,b,\n", "line 1: column 3 has no name"),
        ("a.csv", 'q,a\n"x\ny",z\n\n1\n', "line 5: row 2 has 1 value, the header 2 names"),
        ("a.csv", 'q,a\nx,"y\nz,w\n', "line 2: a quote is opened here and never closed"),
        ("a.csv", 'q,a\nx,"y\nz"w\n', "line 3: text follows a closing quote; the quote was opened in line 2"),
        ("a.csv", 'q,a\nx, "y, z"\n', "line 2: a space stands before a quote"),
        ("a.csv", "q,q\nx,y\n", 'two columns have the name "q"'),
        ("a.csv", "1,2.5\n3,4\n", "line 1: all values of the first line are numbers"),
        ("a.csv", "q,a\nx,y\n\ufeffq,a\nz,w\n", "line 3: the header comes again"),
        ("a.csv", "q,a\n", "has no rows"),
        ("a.csv", "q,a\rx,y\r", "carriage return only"),
        ("a.csv", "", "is empty"),
        ("a.csv", "\n \n", "nothing but white space"),
        ("a.csv", "q,a\nx,y\n".encode("utf-16-le"), "NUL characters"),
        ("a.csv", "q,a\nx,y\n".encode("utf-32"), "UTF-32"),
        ("a.csv", "q,a\né,ü\nö,".encode() + b"\xe9\n", "line 3: a character is not valid UTF-8, though 3 others are"),
        ("a.csv", "q,a\nx,\ud800\n".encode("utf-16", "surrogatepass"), "line 2: not valid UTF-16"),
        ("a.txt", "Once upon a time\nthere was, oh\n", "none of the formats that are read"),
        ("a.jsonl", '{"a":1}\n{"a":1,}\n', "line 2: no valid JSON: .* at character"),
        ("a.jsonl", '{"a":1},\n', "line 1: more text after the value, at character 8"),
        ("a.jsonl", '{"a":1}\n["b"]\n', "line 2 is a list, not an object"),
        ("a.jsonl", '{"a":1}\n{"a":"\\ud83d"}\n', "line 2: half of a surrogate pair"),
        ("a.jsonl", '{"a":1}\n{"b":[{"\\uDE00":1}]}\n', "line 2: half of a surrogate pair"),
        ("a.jsonl", '{"a":1}\n{"a":NaN}\n', "line 2: NaN is no JSON"),
        ("a.jsonl", '{"a":1}\n{"b":{"c":1,"c":1}}\n', 'line 2: the name "c" occurs twice'),
        ("a.jsonl", '{"a":' + "[" * 99 + "]" * 99 + "}", "line 1: lists and objects lie more than 64 deep"),
        ("a.jsonl", '{"a":' + "[" * 99_999, "line 1: lists and objects lie more than 64 deep"),
        ("a.jsonl", "{'a':1}\n{'a':2}\n", "line 1: no valid JSON: .*double quotes"),
        ("a.json", '[{"a":1},\n{"a":2]', "line 2: no valid JSON"),
        ("a.json", '[{"a":1},\n{"a":', "line 2: the file ends in the middle of a value"),
        ("a.json", '[{"a":1}\n', "the file ends too early"),
        ("a.json", "[]", "has no rows"),
        ("a.json", '[{"a":1}] [', "more text follows the end"),
        ("a.json", '["a"]', "item 1 of the list is a single value, not an object"),
        ("a.json", '{"train":[{"a":1}],"test":[{"a":1}]}', 'two lists could be the rows, "train" and "test"'),
        ("a.json", '{"q":["x","y"],"a":["z","w"]}', "an object of columns"),
        ("a.json", '{"q":{"0":"x"},"a":{"0":"z"}}', "an object of columns"),
        ("a.jsonl.gz", gzip.compress(b"{}", mtime=0), "packed with gzip, .*Unpack it: gunzip -k "),
        ("a.xlsx", b"PK\x03\x04\x14\0\x06\0[Content_Types].xml", "an Excel workbook"),
        ("a.csv", "<!DOCTYPE html>\n<html>", "is a web page"),
        ("a.parquet", "version https://git-lfs.github.com/spec/v1\noid", "a pointer of Git LFS"),
        ("a.parquet", b"PAR1\0\0\0\0PAR1", "not a whole Parquet file"),
        ("a.arrow", b"ARROW1\0\0garbage", "not a whole Arrow file"),
        ("a.pkl", b"\x80\x04\x95\x10\0\0", "a Python pickle"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path: Path, name: str, content: str | bytes, what: str) -> None:
    path = written(tmp_path, name, content)
    with pytest.raises(UsageError, match=what) as raised:
        rows_of(open_data(path))
    assert "\n" not in str(raised.value)
    assert raised.value.next_step


def test_rows_are_told_by_the_line_where_they_begin(tmp_path: Path) -> None:
    content = 'q,a\n"x\ny",z\n\nv,w\n'
    data = open_data(written(tmp_path, "a.csv", content))
    said: list[str] = []
    assert [row.place for row in read_rows(data, said)] == ["line 2", "line 5"]
    assert said == ["1 empty row left out."]
    for text, places in [('[{"a":1},\n{"a":2}]', ["line 1", "line 2"]), ('[{"a":1},{"a":2}]', ["row 1", "row 2"])]:
        assert [row.place for row in read_rows(open_data(written(tmp_path, "a.json", text)))] == places


def test_another_encoding_and_another_format_than_the_names_are_told(tmp_path: Path) -> None:
    latin = open_data(written(tmp_path, "a.csv", "q,a\nPiñata,x\n".encode("latin-1")))
    assert latin.encoding == "Windows-1252"
    assert latin.notes == ('a.csv is not UTF-8. Read as Windows-1252: "Piñata,x". If that is wrong, save it as UTF-8.',)
    lines = open_data(written(tmp_path, "a.json", '{"a":1}\n{"a":2}\n'))
    assert lines.notes == ("a.json is JSONL, an object a line, whatever its name says.",)
    two = open_data(written(tmp_path, "a.csv", "a,b;c,d\n1,2;3,4\n"))
    assert (two.delimiter, two.notes) == (",", ("Values are separated by the comma; semicolon would fit as well.",))


def test_the_rows_list_of_an_object_is_told(tmp_path: Path) -> None:
    data = open_data(written(tmp_path, "a.json", '{"name": "mine", "examples": [{"a": 1}], "v": 2}'))
    said: list[str] = []
    assert [dict(row.cells) for row in read_rows(data, said)] == [{"a": "1"}]
    assert said == ['The rows are in "examples"; beside it, not used: name, v.']


def test_typed_columns_become_the_text_that_people_write(tmp_path: Path) -> None:
    noon = datetime(2024, 5, 1, 12, tzinfo=UTC)
    table = pa.table(
        {
            "text": ["007", None],
            "whole": [1, None],
            "half": pa.array([0.1, None], pa.float32()),
            "yes": [True, None],
            "day": [date(2024, 5, 1), None],
            "time": pa.array([noon.replace(tzinfo=None), None], pa.timestamp("ns")),
            "zoned": pa.array([noon, None], pa.timestamp("us", "Europe/Berlin")),
            "price": [Decimal("1.50"), None],
            "kind": pa.array(["a", None]).dictionary_encode(),
            "list": [["x", None], None],
            "object": [{"n": 1, "t": [{"role": "user"}]}, None],
            "image": [{"bytes": b"\x89PNG", "path": "x.png"}, None],
        }
    )
    path = tmp_path / "a.parquet"
    pq.write_table(table, path)
    data = open_data(path)
    first, second = rows_of(data)
    nested = {"list": ["x", None], "object": {"n": "1", "t": [{"role": "user"}]}}
    plain = {
        "text": "007",
        "whole": "1",
        "half": "0.1",
        "yes": "true",
        "day": "2024-05-01",
        "price": "1.50",
        "kind": "a",
    }
    assert first == {"time": "2024-05-01T12:00:00", "zoned": "2024-05-01T12:00:00Z"} | plain | nested
    assert set(second.values()) == {None}
    assert data.notes == ('Column "image" is not read: it holds bytes.',)


def test_class_numbers_are_told_with_their_names(tmp_path: Path) -> None:
    features = {"info": {"features": {"label": {"_type": "ClassLabel", "names": ["bad", "good"]}}}}
    table = pa.table({"label": [0, 1]}).replace_schema_metadata({"huggingface": json.dumps(features)})
    with pa.ipc.new_stream(tmp_path / "a.arrow", table.schema) as writer:
        writer.write_table(table)
    assert open_data(tmp_path / "a.arrow").notes == ('Column "label" holds numbers of classes: 0 bad, 1 good.',)


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.parquet"])
def test_a_file_that_changed_is_not_read_as_the_one_that_was_opened(tmp_path: Path, name: str) -> None:
    """Other content of the same size, with the old time put back, as archives and slow clocks do."""

    def write(text: str) -> Path:
        if name.endswith("parquet"):
            pq.write_table(pa.table({"q": [text]}), tmp_path / name)
            return tmp_path / name
        content = {"a.jsonl": f'{{"q":"{text}"}}\n', "a.json": f'[{{"q":"{text}"}}]', "a.csv": f"q\n{text}\n"}
        return written(tmp_path, name, content[name])

    path = write("old")
    facts = path.stat()
    old = open_data(path)
    assert rows_of(old) == [{"q": "old"}]
    write("new")
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    with pytest.raises(UsageError, match="has changed"):
        rows_of(old)
    new = open_data(path)
    assert rows_of(new) == [{"q": "new"}]
    assert new.sha256 != old.sha256


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, what in [(tmp_path / "pipe", "not a regular file"), (Path("/dev/zero"), "not a regular file")]:
        with pytest.raises(UsageError, match=what):
            open_data(path)
    with pytest.raises(UsageError, match="is a folder"):
        open_data(tmp_path)
    with pytest.raises(UsageError, match="no file"):
        open_data(tmp_path / "none")


@pytest.mark.parametrize(
    ("name", "start"), [("a.jsonl", '{"a":"'), ("a.json", '[{"a":"'), ("a.csv", 'a\n"'), ("a.csv", 'a\n"x\n')]
)
def test_a_row_without_an_end_does_not_fill_the_memory(
    tmp_path: Path, name: str, start: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("text_file", "read", "formats.json_rows", "formats.json_stream", "formats.csv_rows"):
        monkeypatch.setattr(f"benchtui.tasks.data.{module}.LONGEST_LINE", 100_000)
    monkeypatch.setattr("benchtui.tasks.data.text_file._CHUNK", 1000)
    path = written(tmp_path, name, start + ("y" * 99 + "\n") * 10_000 if name == "a.csv" else start + "y" * 1_000_000)
    with pytest.raises(UsageError, match=r"longer than|never closed"):
        open_data(path)


def test_long_rows_are_few_in_a_preview(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchtui.tasks.data.read._HEAD_CHARACTERS", 1000)
    data = open_data(written(tmp_path, "a.jsonl", "".join(f'{{"a": ["{"x" * 400}"]}}\n' for _ in range(50))))
    assert len(first_rows(data)) == 3
