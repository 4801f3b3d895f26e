"""Right answers of multiple choice: read the same way in the whole column, or the row is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.errors import UsageError
from benchtui.tasks.data.documents.gold import Form, GoldSurvey, Question
from benchtui.tasks.data.spec import CountFrom
from tests.tasks.data.made import documents_of, make

WORDS = ["red", "green", "blue", "white"]


def rows(*golds: Any, choices: Any = None) -> list[dict[str, Any]]:
    return [{"question": "q", "choices": choices or WORDS, "answer": gold} for gold in golds]


def read(tmp_path: Path, *golds: Any, choices: Any = None, **said: Any) -> list[int | None]:
    return [one.gold for one in documents_of(make(tmp_path, rows(*golds, choices=choices), **said))]


@pytest.mark.parametrize(
    ("golds", "sentence"),
    [
        ([0, 1, 2, 3], '"answer": 0 to 3: counted from 0.'),
        ([1, 2, 3, 4], '"answer": 1 to 4: counted from 1.'),
        (["1", "2", "(3)", "4."], '"answer": 1 to 4: counted from 1.'),
        (["A", "B", "C", "D"], '"answer": the right answers are letters (A is the first choice).'),
        (["(a)", "b.", "C)", " D "], '"answer": the right answers are letters (A is the first choice).'),
        (WORDS, '"answer": the right answers are the choices\' own texts.'),
    ],
)
def test_the_form_of_the_column_is_found_and_said(tmp_path: Path, golds: list[Any], sentence: str) -> None:
    made = make(tmp_path, rows(*golds))
    assert [one.gold for one in documents_of(made)] == [0, 1, 2, 3]
    assert [one.target for one in documents_of(made)] == WORDS
    assert sentence in made.said


def test_numbers_that_fit_both_ways_of_counting_ask(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"1 to 3.*counted from 0 and .*counted from 1.*--count-from 0 or .*-from 1"):
        read(tmp_path, 1, 2, 3)
    assert read(tmp_path, 1, 2, 3, count_from="0") == [1, 2, 3]
    assert read(tmp_path, 1, 2, 3, count_from="1") == [0, 1, 2]
    with pytest.raises(UsageError, match='line 2: the right answer "0"'):
        read(tmp_path, 1, 0, count_from="1")


def test_numbers_that_are_also_choices_ask(tmp_path: Path) -> None:
    digits = ["3", "1", "2", "0"]
    with pytest.raises(UsageError, match="--count-from text"):
        read(tmp_path, "1", "2", "3", choices=digits)
    assert read(tmp_path, "1", "2", "3", choices=digits, count_from="text") == [1, 2, 0]
    assert read(tmp_path, "12", "7", choices=["7", "12", "5"]) == [1, 0]


@pytest.mark.parametrize(
    ("golds", "said"),
    [
        (["A", "B", "E"], 'line 3: the right answer "E" in "answer" is none of its 4 choices'),
        ([0, 1, 4], 'line 3: the right answer "4" in "answer" is none of its 4 choices'),
        ([0, 3, -1], 'line 3: the right answer "-1" in "answer" is none of its 4 choices'),
        (["A", "B", 2], 'line 3: the right answer "2" in "answer" is not written like the others'),
        (["red", "red", "B"], 'line 3: the right answer "B" in "answer" is not written like the others'),
        (["purple"], 'line 1: the right answer "purple" in "answer" is none of its 4 choices'),
        (["red", ""], 'line 2: the right answer in "answer" is empty'),
        (["red", None], 'line 2: the right answer in "answer" is empty'),
        (["red", ["red"]], 'line 2: the right answer in "answer" is a list'),
    ],
)
def test_a_row_that_does_not_fit_is_named(tmp_path: Path, golds: list[Any], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        read(tmp_path, *golds)
    assert said in str(raised.value)


def test_labels_of_a_row_say_what_is_meant(tmp_path: Path) -> None:
    """Row 37 of the cases: 119 of ARC's test keys are "1" to "4", and two of its training keys "E"."""
    mixed = [
        {"question": "q", "choices": {"text": WORDS, "label": list("ABCD")}, "answerKey": "B"},
        {"question": "q", "choices": {"text": WORDS, "label": list("1234")}, "answerKey": "2"},
        {"question": "q", "choices": {"text": [*WORDS, "black"], "label": list("ABCDE")}, "answerKey": "E"},
    ]
    assert [(one.gold, one.letters[0]) for one in documents_of(make(tmp_path, mixed))] == [
        (1, "A"),
        (1, "1"),
        (4, "A"),
    ]
    listed = [{"question": "q", "choices": [{"label": "A", "text": "x"}, {"label": "B", "text": "y"}], "answer": "B"}]
    assert documents_of(make(tmp_path, listed))[0].gold == 1
    with pytest.raises(UsageError, match='line 1: the right answer "B"'):
        make(tmp_path, mixed, count_from="1")
    named = [{"question": "q", "options": {"A": "x", "B": "y", "C": None}, "answer": "B"}]
    assert documents_of(make(tmp_path, named))[0].choices == ("x", "y")


def test_more_choices_than_letters(tmp_path: Path) -> None:
    many = [f"c{number}" for number in range(40)]
    assert read(tmp_path, 0, 39, choices=many) == [0, 39]
    assert read(tmp_path, "c0", "c39", choices=many) == [0, 39]
    assert read(tmp_path, 1, 40, choices=many) == [0, 39]


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        (["a", "b", "a"], 'line 1: the choice "a" is there twice'),
        (["a", " "], "line 1: choice 2 of 2 is empty"),
        (["a"], "line 1: it has 1 choices"),
        ("a;b", "line 1: the choices in"),
        (["a", None], "line 1: a choice is nothing"),
        ({"text": ["a", "b"], "label": ["A"]}, "line 1: 2 choices have 1 labels"),
        ({"text": ["a", "b"], "label": ["A", "A"]}, "line 1: two choices have the same label"),
    ],
)
def test_choices_that_are_none_are_named(tmp_path: Path, choices: Any, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        read(tmp_path, "A", choices=choices)
    assert said in str(raised.value)


def test_choices_in_columns_may_be_fewer_in_some_rows(tmp_path: Path) -> None:
    made = make(tmp_path, "question,A,B,C,D,answer\nq,1,2,3,4,D\nq,1,2,3,,C\n", suffix=".csv")
    assert [(len(one.choices), one.gold) for one in documents_of(made)] == [(4, 3), (3, 2)]
    with pytest.raises(UsageError, match="line 3: choice 2 of 4 is empty"):
        make(tmp_path, "question,A,B,C,D,answer\nq,1,2,3,4,D\nq,1,,3,4,C\n", suffix=".csv")


def written(place: int, choices: list[str], form: Form) -> str:
    return {
        "letter": chr(ord("A") + place),
        "from 0": str(place),
        "from 1": str(place + 1),
        "text": choices[place],
        "label": "",
    }[form]


@given(
    questions=st.lists(
        st.tuples(
            st.lists(st.text("xyz", min_size=2, max_size=5), min_size=2, max_size=8, unique=True), st.integers(0)
        ),
        min_size=1,
        max_size=12,
    ),
    form=st.sampled_from(["letter", "from 0", "from 1", "text"]),
)
def test_a_column_is_read_as_it_was_written_or_asks(questions: list[tuple[list[str], int]], form: Form) -> None:
    survey, meant = GoldSurvey(), []
    for row, (choices, number) in enumerate(questions, 1):
        place = number % len(choices)
        survey.add(question := Question(f"line {row}", written(place, choices, form), tuple(choices)))
        meant.append((question, place))
    told: CountFrom = {"from 0": "0", "from 1": "1"}.get(form, "auto")  # type: ignore[assignment]
    try:
        found, _ = survey.decide("auto", "answer")
    except UsageError:
        found, _ = survey.decide(told, "answer")
    assert [question.index(found) for question, _ in meant] == [place for _, place in meant]
