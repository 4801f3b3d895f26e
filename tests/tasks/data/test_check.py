"""The check of data: metrics that judge wrongly, questions that are there twice, answers that are given away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchtui.errors import UsageError
from benchtui.tasks.data.check import DataCheck, check_data
from benchtui.tasks.data.spec import DataSpec


def check(folder: Path, rows: list[dict[str, object]], *, wrong: str | None = None, **said: object) -> DataCheck:
    file = folder / "own.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return check_data(DataSpec(name="own", source=str(file), **said), wrong)  # type: ignore[arg-type]


ROWS: list[dict[str, object]] = [
    {"id": "a", "question": "What is 6 x 7?", "answer": "42", "wrong": ["41", "42 or 43"]},
    {"id": "b", "question": "Who wrote Emma?", "answer": ["Austen", "Jane Austen"], "wrong": "Brontë"},
    {"id": "c", "question": "What is 5 + 5?", "answer": 10, "wrong": None},
]


def test_every_reference_passes_and_every_wrong_answer_fails(tmp_path: Path) -> None:
    found = check(tmp_path, ROWS)
    assert found.sound
    assert (found.documents, found.references, found.wrong) == (3, 4, 3)
    assert (found.metrics, found.untried, found.same, found.given_away) == (("exact_match",), (), (), ())
    assert found.ids == (("a", "line 1"), ("b", "line 2"), ("c", "line 3"))


def test_a_wrong_answer_that_a_metric_takes_for_right_is_named(tmp_path: Path) -> None:
    found = check(tmp_path, ROWS, metrics=("contains", "length", "bleu", "f1"))
    assert not found.sound
    [wrong] = found.misjudged
    assert (wrong.document, wrong.place, wrong.metric, wrong.text, wrong.value, wrong.right) == (
        "a", "line 1", "contains", "42 or 43", 1.0, False,
    )  # fmt: skip
    assert found.metrics == ("contains", "f1")
    assert found.untried == ("length", "bleu")


def test_a_reference_that_a_metric_takes_for_wrong_is_named(tmp_path: Path) -> None:
    rows = [{"question": "Say yes.", "answer": "yes"}, {"question": "Say no.", "answer": "no"}]
    found = check(tmp_path, rows, metrics=("regex:pattern=^y", "exact_match"))
    assert [(each.place, each.text, each.right) for each in found.misjudged] == [("line 2", "no", True)]


def test_references_that_are_parts_of_an_answer_are_not_tried_as_one(tmp_path: Path) -> None:
    rows = [{"question": "6 x 7?", "answer": "42", "wrong": ["#### 42", "#### 41"]}]
    found = check(tmp_path, rows, metrics=("extract:pattern=#### (\\d+)",))
    assert [(each.text, each.right) for each in found.misjudged] == [("#### 42", False)]


def test_the_column_of_wrong_answers_is_named_or_known(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"question": "6 x 7?", "answer": "42", "bad": "42"}]
    assert check(tmp_path, rows).wrong == 0
    assert [each.text for each in check(tmp_path, rows, wrong="bad").misjudged] == ["42"]
    with pytest.raises(UsageError, match="no column 'worse'"):
        check(tmp_path, rows, wrong="worse")


def test_the_same_question_twice_and_its_other_answer(tmp_path: Path) -> None:
    rows = [
        {"question": "What is 2 + 2?", "answer": "4"},
        {"question": "What is 2 - 2?", "answer": "0"},
        {"question": "what is  2 + 2?", "answer": "4"},
        {"question": "Is it late?", "answer": "no"},
        {"question": "Is it late? ", "answer": "yes"},
    ]
    found = check(tmp_path, rows)
    assert [(same.places, same.contradict) for same in found.same] == [
        (("line 1", "line 3"), False), (("line 4", "line 5"), True),
    ]  # fmt: skip
    assert not found.sound


def test_texts_alone_are_the_same_only_where_they_are(tmp_path: Path) -> None:
    found = check(tmp_path, [{"text": "A first text."}, {"text": "A second text."}, {"text": "a first  text."}])
    assert found.kind == "perplexity"
    assert [same.places for same in found.same] == [("line 1", "line 3")]
    assert found.sound


def test_choices_in_another_order_are_the_same_question(tmp_path: Path) -> None:
    rows = [
        {"question": "Capital of France?", "choices": ["Paris", "Rome"], "answer": "Paris", "wrong": "Rome"},
        {"question": "Capital of France?", "choices": ["Rome", "Paris"], "answer": "Rome", "wrong": "Rome"},
    ]
    found = check(tmp_path, rows)
    assert [(same.places, same.contradict) for same in found.same] == [(("line 1", "line 2"), True)]
    assert [(each.place, each.text) for each in found.misjudged] == [("line 2", "Rome")]


def test_a_reference_in_its_prompt(tmp_path: Path) -> None:
    rows = [
        {"question": "Is it Paris or Rome?", "answer": "Paris"},
        {"question": "Who lives in Parisian houses?", "answer": "Paris"},
        {"question": "What is 14 + 4?", "answer": "18"},
    ]
    assert check(tmp_path, rows).given_away == ("line 1",)


def test_drawn_rows_are_joined_with_their_own_wrong_answers(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"question": f"Say {n}.", "answer": f"<{n}>", "wrong": f"<{n}>" if n % 2 else "no"} for n in range(40)
    ]
    found = check(tmp_path, rows, sample=15)
    assert (found.documents, found.wrong) == (15, 15)
    places = [int(place.removeprefix("line ")) - 1 for _, place in found.ids]
    assert [int(each.place.removeprefix("line ")) - 1 for each in found.misjudged] == [n for n in places if n % 2]
