"""A file of people's data becomes an lm-eval task: a YAML that names columns and a Parquet file of text beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchtui.tasks.data.make import make_task
from benchtui.tasks.data.spec import DataSpec
from benchtui.tasks.data.trust import why_not_ours


def jsonl(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_questions_and_answers_become_a_task(tmp_path: Path) -> None:
    data = jsonl(tmp_path / "trivia.jsonl", *({"question": f"{n} + 1?", "answer": f"00{n + 1}"} for n in range(5)))
    made = make_task(DataSpec(name="my trivia", source=str(data)), tmp_path / "tasks")
    assert (made.name, made.kind, made.documents) == ("my_trivia", "generate", 5)
    assert made.previews[0] == ("0 + 1?", "001")
    assert 'Prompt: "question". Reference: "answer".' in made.said
    assert pq.read_table(made.data)["target"].to_pylist() == [f"00{n + 1}" for n in range(5)]
    assert why_not_ours(made.file) == ""


def test_the_same_content_gives_the_same_files_and_other_content_another_name(tmp_path: Path) -> None:
    data = jsonl(tmp_path / "a.jsonl", {"question": "q", "answer": "a"})
    spec = DataSpec(name="a", source=str(data))
    first = make_task(spec, tmp_path / "tasks")
    yaml, parquet = first.file.read_bytes(), first.data.read_bytes()
    second = make_task(spec, tmp_path / "tasks")
    assert (second.file.read_bytes(), second.data, second.data.read_bytes()) == (yaml, first.data, parquet)
    jsonl(data, {"question": "q", "answer": "b"})
    assert make_task(spec, tmp_path / "tasks").data != first.data
