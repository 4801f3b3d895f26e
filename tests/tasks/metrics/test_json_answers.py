"""Answers in JSON."""

from __future__ import annotations

import json
import time
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.errors import BenchtuiError, UsageError
from benchtui.tasks.metrics.measures import patterns
from benchtui.tasks.metrics.measures.json_answers import check_schema, same_json
from tests.tasks.metrics.scored import score

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([1.0, 0.5, "a", "1", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("text", "plain", "fenced"),
    [
        ('{"a": 1}', 1, 1),
        (' [1, "x"]\n', 1, 1),
        ('```json\n{"a": 1}\n```', 0, 1),
        ("```\n1\n```", 0, 1),
        ('Here it is: {"a": 1}', 0, 0),
        ('{"a": NaN}', 0, 0),
        ("{'a': 1}", 0, 0),
        ('{"a": 1,}', 0, 0),
        ("", 0, 0),
        ("[" * 100_000, 0, 0),
        ("[" * 5000 + "]" * 5000, 0, 0),
    ],
)
def test_valid(text: str, plain: float, fenced: float) -> None:
    assert score("json_valid", text) == plain
    assert score("json_valid:fence=yes", text) == fenced


SCHEMAS: list[Any] = [
    {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}},
    {"type": "object", "patternProperties": {"^a": {"type": "string"}}, "additionalProperties": False},
    {"$defs": {"x": {"enum": [1, "a"]}}, "anyOf": [{"$ref": "#/$defs/x"}, {"type": "array"}]},
    {"pattern": "^a$"},
    {"properties": {"a": {}}, "additionalProperties": {"type": "number"}},
    {"$schema": "http://json-schema.org/draft-07/schema#", "const": {"a": 1}},
    True,
]


@pytest.mark.parametrize(
    ("number", "of", "value"),
    [
        ("19.99", 0.01, 1),
        ("19.995", 0.01, 0),
        ("0.3", 0.1, 1),
        ("6", 3, 1),
        ("7", 3, 0),
        ("7.5", 2.5, 1),
        ("1e300", 0.01, 1),
        ("1e999", 0.01, 0),
        ('"a"', 0.01, 1),
    ],
)
def test_multiples_are_of_the_decimals_that_are_written(number: str, of: float, value: float) -> None:
    assert score("json_schema", number, extras={"schema": {"multipleOf": of}}) == value


@given(st.sampled_from(SCHEMAS), JSON)
def test_a_schema_means_what_jsonschema_says(schema: Any, value: Any) -> None:
    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    ours = score("json_schema", json.dumps(value), extras={"schema": schema})
    assert ours == kind(schema).is_valid(value)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ('{"$ref": "https://example.com/x.json"}', "nothing is fetched"),
        ('{"$ref": "file:///etc/passwd"}', "nothing is fetched"),
        ('{"$ref": "#/$defs/none"}', "none"),
        ('{"$ref": "#"}', "refers to itself without end"),
        ('{"type": "objekt"}', "objekt"),
        ('{"pattern": "("}', "cannot be used"),
        ("{", "cannot be used"),
        ("[" * 5000, "cannot be used"),
        ('{"patternProperties": {"a": {}}, "unevaluatedProperties": false}', "unevaluatedProperties"),
    ],
)
def test_a_schema_that_cannot_be_used_is_named(schema: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        check_schema(schema)
    assert said in str(error.value)


@pytest.mark.parametrize(
    "schema",
    [
        {"pattern": "^(a|aa)+$"},
        {"patternProperties": {"^(a|aa)+$": {}}},
        {"patternProperties": {"^(a|aa)+$": {}}, "additionalProperties": False},
    ],
)
def test_a_pattern_in_a_schema_is_bounded(monkeypatch: pytest.MonkeyPatch, schema: Any) -> None:
    monkeypatch.setattr(patterns, "SECONDS", 0.2)
    text = "a" * 60 + "!"
    start = time.monotonic()
    with pytest.raises(BenchtuiError, match="takes more than"):
        score("json_schema", json.dumps(text if "pattern" in schema else {text: 1}), extras={"schema": schema})
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("metric", "answer", "value"),
    [
        ("json_fields", '{"b": {"c": [1, true]}, "a": 1.0}', 1),
        ("json_fields", '{"a": 1, "b": {"c": [1, 1]}}', 0),
        ("json_fields", '{"a": 1, "b": {"c": [1, true]}, "more": 2}', 1),
        ("json_fields:fields=a", '{"a": 1}', 1),
        ("json_fields:fields=a", '{"a": "1"}', 0),
        ("json_fields:fields=a", '{"a": true}', 0),
        ("json_fields:fields=b.c", '{"b": {"c": [1, true]}}', 1),
        ("json_fields:partial=yes", '{"a": 1}', 0.5),
        ("json_fields", "[]", 0),
        ("json_fields", "no JSON", 0),
    ],
)
def test_fields(metric: str, answer: str, value: float) -> None:
    assert score(metric, answer, '{"a": 1, "b": {"c": [1, true]}}') == value


@given(JSON)
def test_what_is_written_and_read_is_the_same(value: Any) -> None:
    assert same_json(value, json.loads(json.dumps(value)))
    assert not same_json(value, [value])
