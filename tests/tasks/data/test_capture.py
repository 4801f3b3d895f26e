"""Keeping an answer as a test: what is appended to a file of one's own, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.errors import BenchtuiError
from benchtui.tasks.data.capture import KeptRow, keep_row

ROW = KeptRow("How many?", "7", ("8", "7"), "gsm8k #3, m/1")


def test_rows_are_appended_and_the_same_one_only_once(tmp_path: Path) -> None:
    file = tmp_path / "tasks" / "kept.jsonl"
    assert keep_row(file, ROW) == 1
    assert keep_row(file, ROW) is None
    assert keep_row(file, KeptRow("Which?", "b", (), "x", choices=("a", "b"))) == 2
    first, second = [json.loads(line) for line in file.read_text().splitlines()]
    assert first == {"question": "How many?", "answer": "7", "wrong": ["8"], "seen": "gsm8k #3, m/1"}
    assert second["choices"] == ["a", "b"]


def test_a_file_without_a_last_line_break_is_not_damaged(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text('{"question": "old"}')
    assert keep_row(file, ROW) == 2
    assert [json.loads(line)["question"] for line in file.read_text().split("\n") if line] == ["old", "How many?"]


@pytest.mark.parametrize("content", ["not json\n", "[1]\n", "[" * 100_000])
def test_a_file_of_something_else_is_left_as_it_was(tmp_path: Path, content: str) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text(content)
    with pytest.raises(BenchtuiError, match="row 1 is no JSON object"):
        keep_row(file, ROW)
    assert file.read_text() == content


@pytest.mark.parametrize("kind", ["link", "dangling", "folder", "pipe"])
def test_nothing_is_written_through_what_is_no_file(tmp_path: Path, kind: str) -> None:
    file, other = tmp_path / "kept.jsonl", tmp_path / "other"
    if kind == "link":
        other.write_text("")
        file.symlink_to(other)
    elif kind == "dangling":
        file.symlink_to(other)
    elif kind == "folder":
        file.mkdir()
    else:
        os.mkfifo(file)
    with pytest.raises(BenchtuiError):
        keep_row(file, ROW)
    assert not other.exists() or other.read_text() == ""


@given(question=st.text(), answer=st.text(), wrong=st.text())
def test_any_text_is_kept_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, question: str, answer: str, wrong: str
) -> None:
    file = tmp_path_factory.mktemp("kept") / "kept.jsonl"
    keep_row(file, KeptRow(question, answer, (wrong,), "x"))
    lines = file.read_bytes().split(b"\n")
    assert len(lines) == 2
    found = json.loads(lines[0])
    assert (found["question"], found["answer"]) == (question, answer)
    assert found["wrong"] == ([] if wrong == answer else [wrong])
