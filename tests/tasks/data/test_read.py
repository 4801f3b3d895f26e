"""Files of people's own as they are found on disks: the format, the rows, or one line that says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchtui.errors import UsageError
from benchtui.tasks.data.read import open_data, read_rows


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "format_", "rows"),
    [
        ("a.jsonl", '{"a":1.50,"b":true}\n\n{"a":null}\n', "jsonl", [{"a": "1.50", "b": "true"}, {"a": None}]),
        ("a.json", '[{"a": "x"},\n {"a": 007.0}]'.replace("007", "7"), "json", [{"a": "x"}, {"a": "7.0"}]),
        ("a.json", '{"v": 1, "data": [{"a": "x"}, {"a": "y"}]}', "json", [{"a": "x"}, {"a": "y"}]),
        ("a.json", '{"a": "x"}\n{"a": "y"}\n', "jsonl", [{"a": "x"}, {"a": "y"}]),
        ("a.csv", 'q,a\nx,"y ""z"",\n"\n007,NA\n', "csv", [{"q": "x", "a": 'y "z",\n'}, {"q": "007", "a": "NA"}]),
        ("a.csv", "q;a\r\nx,y;1,5\r\n", "csv", [{"q": "x,y", "a": "1,5"}]),
        ("a.tsv", "q\ta\nx\ty\n".encode("utf-16"), "csv", [{"q": "x", "a": "y"}]),
    ],
)
def test_rows_are_read(
    tmp_path: Path, name: str, content: str | bytes, format_: str, rows: list[dict[str, object]]
) -> None:
    data = open_data(written(tmp_path, name, content))
    assert data.format == format_
    assert [dict(row.cells) for row in read_rows(data)] == rows


def test_a_trailing_comma_stops(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "question,answer\na,b,\nc,d\n")
    with pytest.raises(UsageError, match="line 2: row 1 has 3 values, the header 2 names"):
        open_data(path)
