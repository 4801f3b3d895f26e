"""Files as people have them, in every format: the right kind, the right texts, or one line that says what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchtui.errors import UsageError
from benchtui.tasks.data.make import make_task
from benchtui.tasks.data.spec import DataSpec
from benchtui.tasks.data.trust import why_not_ours
from tests.tasks.data.made import documents_of

ROWS = [{"question": f"Où est {n} ?", "answer": f"0{n}, là"} for n in range(3)]
TABLE = pa.table({key: [row[key] for row in ROWS] for key in ("question", "answer")})


def _csv(delimiter: str, end: str = "\n") -> str:
    lines = [("question", "answer"), *((row["question"], f'"{row["answer"]}"') for row in ROWS)]
    return "".join(delimiter.join(line) + end for line in lines)


def _jsonl() -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)


def _arrow(path: Path) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, TABLE.schema) as writer:
        writer.write_table(TABLE)


FILES: dict[str, Callable[[Path], Any]] = {
    "plain.jsonl": lambda path: path.write_text(_jsonl()),
    "list.json": lambda path: path.write_text(json.dumps(ROWS, indent=1)),
    "nested.json": lambda path: path.write_text(json.dumps({"version": 1, "data": ROWS})),
    "comma.csv": lambda path: path.write_text(_csv(",")),
    "semicolon.csv": lambda path: path.write_text(_csv(";")),
    "tab.tsv": lambda path: path.write_text(_csv("\t")),
    "bom.csv": lambda path: path.write_bytes(_csv(",").encode("utf-8-sig")),
    "bom.jsonl": lambda path: path.write_bytes(_jsonl().encode("utf-8-sig")),
    "latin1.csv": lambda path: path.write_bytes(_csv(",").encode("latin-1")),
    "utf16.csv": lambda path: path.write_bytes(_csv(",").encode("utf-16")),
    "windows.csv": lambda path: path.write_bytes(_csv(",", "\r\n").encode()),
    "empty rows.jsonl": lambda path: path.write_text("\n" + _jsonl().replace("\n", "\n\n")),
    "table.parquet": lambda path: pq.write_table(TABLE, path),
    "table.arrow": _arrow,
}


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_the_same_documents(tmp_path: Path, name: str) -> None:
    FILES[name](tmp_path / name)
    made = make_task(DataSpec(name="mine", source=str(tmp_path / name)), tmp_path / "tasks")
    found = documents_of(made)
    assert [(one.prompt, one.target) for one in found] == [(row["question"], row["answer"]) for row in ROWS]
    assert (made.kind, why_not_ours(made.file)) == ("generate", "")
    assert name in made.said[0]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.csv", "question,answer\na,b,\nc,d\n", "line 2"),
        ("x.csv", 'question,answer\n"a,b\nc,d\n', "quot"),
        ("x.jsonl", '{"question": "q", "answer": "a"}\n{"question": "q"}\n', 'line 2 has no "answer"'),
        ("x.jsonl", '{"question": "q", "answer": "a"}\n{"question": "q", "answer"\n', "line 2"),
        ("x.jsonl", '{"a": "q", "b": "a"}\n', "--prompt a"),
        ("x.jsonl", '{"messages": [{"role": "my-model", "content": "a"}]}\n', "my-model"),
        ("x.jsonl", "", "is empty"),
        ("x.csv", "question,answer\n", "has no rows"),
        ("x.csv", "question,answer\nq,\n", 'line 2: the reference in "answer" is empty'),
    ],
)
def test_what_is_wrong_is_said_in_a_line(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UsageError) as raised:
        make_task(DataSpec(name="mine", source=str(tmp_path / name)), tmp_path / "tasks")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        make_task(DataSpec(name="mine", source=str(tmp_path / "nowhere.csv")), tmp_path / "tasks")
    with pytest.raises(UsageError):
        make_task(DataSpec(name="mine", source=str(tmp_path)), tmp_path / "tasks")
