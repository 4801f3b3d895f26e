"""Templates over the columns: what they may do, what stops them, and that what they make is never rendered again."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.errors import UsageError
from benchtui.tasks.data.documents import sandbox
from benchtui.tasks.data.documents.templates import field_of, parse_template
from benchtui.tasks.data.rows import Bare, Row

CELLS: dict[str, Any] = {
    "question": "what {{7*7}}?",
    "choices": ["x", "y"],
    "count": Bare("007"),
    "nothing": None,
    "answers": {"text": ["p", "q"]},
    "my column": "spaced",
}
ROW = Row(1, 3, CELLS)


def rendered(source: str, row: Row = ROW) -> str:
    return parse_template(source, list(CELLS), "--prompt").of(row)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{question}}\n", "what {{7*7}}?\n"),
        ("{{count}}", "007"),
        ("{{nothing or 'none'}}", "none"),
        ("{{nothing|default('d', true)}}", "d"),
        ("{% if nothing %}x{% endif %}{% if question %}y{% endif %}", "y"),
        ("{% for c in choices %}{{loop.index}}. {{c}}\n{% endfor %}", "1. x\n2. y\n"),
        ("{{choices|join(', ')}} {{answers.text[0]}} {{row['my column']}}", "x, y p spaced"),
        ("{{question.split('{')[0].strip().upper()}}", "WHAT"),
        ("{{question|replace('what', 'why')|trim}}", "why {{7*7}}?"),
        ("{{', '.join(choices|map('upper'))}}", "X, Y"),
        ("{{choices|length}}{{choices[-1]}}{{question[:4]}}", "2ywhat"),
        ("{{answers|tojson}}", '{"text": ["p", "q"]}'),
        ("{{'a' ~ count ~ 'b'}}", "a007b"),
    ],
)
def test_what_makes_prompts_of_columns(source: str, text: str) -> None:
    assert rendered(source) == text


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{qestion}}", 'names "qestion", which is no column. Did you mean "question"?'),
        ("{{self}}", 'names "self"'),
        ("{{question", "is no Jinja template"),
        ("{{'x' * 999999999}}", "uses *"),
        ("{{2 ** 99999999}}", "uses **"),
        ("{{'%999999999d' % 1}}", "uses %"),
        ("{{question|center(999999999)}}", "uses center"),
        ("{{question|map('center', 999999999)|join}}", "line 3: --prompt fails"),
        ("{{question.ljust(999999999)}}", "uses ljust()"),
        ("{{question.format(1)}}", "uses format()"),
        ("{{range(999999999)}}", "uses range()"),
        ("{{lipsum()}}", "uses lipsum()"),
        ("{{question|random}}", "uses random"),
        ("{% set x = question %}", "uses set"),
        ("{% macro m() %}{% endmacro %}", "uses macro"),
        ("{% include 'x' %}", "uses include"),
        ("{% import 'x' as y %}", "uses import"),
        ("{% extends 'x' %}", "uses extends"),
        ("{% for a in question %}{% for b in question %}{% endfor %}{% endfor %}", "a loop in a loop"),
        ("{% for a in choices recursive %}{{a}}{% endfor %}", "a recursive loop"),
        ("{{question.strip(*choices)}}", "*arguments"),
        ("{{(choices|map('upper'))()}}", "uses"),
        ("{{" + "(" * 5000 + ")" * 5000 + "}}", "is no Jinja template"),
        ("{{question}}" * 5000, "is longer than"),
        ("{{question.__class__}}", "line 3: --prompt"),
        ("{{question.__class__.__mro__[1].__subclasses__}}", "line 3: --prompt"),
        ("{{question['__class__']}}", "line 3: --prompt"),
        ("{{question|attr('__class__')}}", "uses attr"),
        ("{{choices|map(attribute='__class__')|list|first}}", "line 3: --prompt"),
        ("{{question.strip}}", "line 3: --prompt writes a list or an object"),
        ("{{choices}}", "writes a list or an object as text"),
        ("{{answers}}", "writes a list or an object as text"),
        ("{{nothing}}", "writes a cell with nothing in it"),
        ("{{answers.label}}", "uses what this row does not have"),
        ("{{choices[7]}}", "uses what this row does not have"),
        ("{{count + 1}}", "line 3: --prompt fails"),
    ],
)
def test_what_templates_may_not_do(source: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        rendered(source)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    "source",
    [
        "{{question" + ".replace('a', 'aaaaaaaaaa')" * 30 + "}}",
        "{{question" + "|replace('a', 'aaaaaaaaaa')" * 30 + "}}",
        "{{question" + "|join(question)" * 30 + "}}",
        "{{question" + ".join(question)" * 30 + "}}",
        "{% for c in question %}{{question}}{{question}}{{question}}{% endfor %}",
        "{{question|list|map('replace', 'a', question)|list|length}}",
    ],
    ids=["replace", "|replace", "|join", "join", "loop", "map"],
)
def test_texts_that_grow_are_stopped_at_once(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "LONGEST_TEXT", 100_000)
    begun = time.process_time()
    with pytest.raises(UsageError, match="makes a text of more than 100,000 characters"):
        rendered(source, Row(1, 3, {**CELLS, "question": "a" * 2000}))
    assert time.process_time() - begun < 2


def test_a_row_without_the_column_is_named() -> None:
    with pytest.raises(UsageError, match="line 9: --prompt uses what this row does not have"):
        rendered("{{question}}", Row(4, 9, {"choices": []}))
    assert rendered("{{question|default('')}}!", Row(4, 9, {})) == "!"


def test_a_column_named_as_jinja_has_names() -> None:
    assert (
        parse_template("{{loop}} {{row}}", ["loop", "row"], "--prompt").of(Row(1, 1, {"loop": "a", "row": "b"}))
        == "a b"
    )


def test_a_name_is_a_column_before_it_is_a_template() -> None:
    assert str(field_of("{{a}}", ["{{a}}"], "--prompt")) == '"{{a}}"'
    with pytest.raises(UsageError, match=r'--prompt "questio" is no column. Did you mean "question"'):
        field_of("questio", list(CELLS), "--prompt")
    with pytest.raises(UsageError, match='The columns are "a", "b"'):
        field_of("zzz", ["a", "b"], "--prompt")


def test_an_expression_gives_a_list() -> None:
    assert parse_template("{{question.split(' ')}}", list(CELLS), "--choices").values(ROW) == ["what", "{{7*7}}?"]
    assert parse_template(" {{- choices|reverse -}} ", list(CELLS), "--choices").values(ROW) == ["y", "x"]
    with pytest.raises(UsageError, match="gives a text where a list is wanted"):
        parse_template("a {{question}}", list(CELLS), "--choices").values(ROW)


@given(st.text())
def test_cells_are_never_rendered(text: str) -> None:
    assert (
        rendered("{{question}}|{{question|trim}}", Row(1, 1, {**CELLS, "question": text})) == f"{text}|{text.strip()}"
    )


@given(st.text("{}%#'\"|()[].x17 =*~-+abcqu\n", max_size=40))
def test_any_template_renders_or_is_refused(source: str) -> None:
    with suppress(UsageError):
        assert isinstance(rendered(source), str)
