"""What is wrong with a row is named with its place; nothing is left out or scored 0 without a word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchtui.errors import UsageError
from tests.tasks.data.made import documents_of, make

GOOD = {"id": "1", "question": "q", "answer": "a"}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({**GOOD, "id": "2", "answer": ""}, 'line 2: the reference in "answer" is empty'),
        ({**GOOD, "id": "2", "answer": None}, 'line 2: the reference in "answer" is empty'),
        ({**GOOD, "id": "2", "answer": []}, 'line 2: the reference in "answer" is an empty list'),
        ({**GOOD, "id": "2", "answer": ["a", None]}, "line 2: a reference is nothing"),
        ({**GOOD, "id": "2", "answer": ["a", " "]}, "line 2: a reference is empty"),
        ({**GOOD, "id": "2", "answer": {"a": "b"}}, 'line 2: the reference in "answer" is an object'),
        ({**GOOD, "id": "2", "question": " \n"}, 'line 2: the prompt in "question" is empty'),
        ({**GOOD, "id": "2", "question": ["q"]}, 'line 2: the prompt in "question" is a list'),
        ({"id": "2", "question": "q"}, 'line 2 has no "answer"'),
        ({"id": "2", "answer": "a"}, 'line 2 has no "question"'),
        ({**GOOD, "id": ""}, 'line 2: the id in "id" is empty'),
        ({"question": "q", "answer": "a"}, 'line 2 has no "id"'),
        (GOOD, 'line 2: the id "1" in "id" is also that of line 1'),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        make(tmp_path, [GOOD, row])
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"prompt": "p", "chosen": "a", "rejected": "a"}], "line 1"),
        ([{"question": "p", "chosen": "a", "rejected": "a"}], "line 1: chosen and rejected are the same text"),
        ([{"text": "a"}, {"text": ""}], 'line 2: the text in "text" is empty'),
    ],
)
def test_a_wrong_row_of_other_kinds_is_named(tmp_path: Path, rows: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        make(tmp_path, rows)
    assert said in str(raised.value)


def test_ids_are_those_of_the_file_or_row_numbers(tmp_path: Path) -> None:
    assert [one.id for one in documents_of(make(tmp_path, "id,question,answer\n007,q,a\n", suffix=".csv"))] == ["007"]
    two = [{"question": "q", "answer": "a"}] * 2
    assert [one.id for one in documents_of(make(tmp_path, two))] == ["1", "2"]


def test_a_document_that_its_metric_cannot_score_is_named(tmp_path: Path) -> None:
    rows = [{"question": "q", "answer": "1"}, {"question": "q", "answer": "one"}]
    with pytest.raises(UsageError, match="line 2: the reference 'one' is not one number"):
        make(tmp_path, rows, metrics=("number",))
    with pytest.raises(UsageError, match="keeps only the letters a to z"):
        make(tmp_path, [{"question": "q", "answer": "これは何ですか"}], metrics=("rougeL",))


def test_many_documents_are_written_in_batches_and_in_their_order(tmp_path: Path) -> None:
    made = make(tmp_path, [{"id": f"x{n}", "question": f"q{n}", "answer": f"a{n}"} for n in range(5001)])
    assert [one.id for one in documents_of(made)] == [f"x{n}" for n in range(5001)]
