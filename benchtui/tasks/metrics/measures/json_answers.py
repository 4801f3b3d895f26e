"""Answers in JSON: whether they are valid, keep to a schema, and have the right fields."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from benchtui.errors import UsageError
from benchtui.tasks.metrics.answer import Answer, Options
from benchtui.tasks.metrics.measures.patterns import bounded_search, check_pattern
from benchtui.text import one_line

_FENCE = re.compile(r"\A```(?:json|JSON)?[ \t]*\n(.*?)\n?```\Z", re.DOTALL)
_NOTHING = object()
_ENDLESS = (math.inf, -math.inf)
_TRIED: tuple[Any, ...] = ({}, [], "", 0, None)
"""A schema that refers to itself without end shows it with one of these."""


def json_valid(answer: Answer, options: Options) -> float:
    """Return 1 where the whole answer is one JSON value (RFC 8259: no NaN), with `fence` also inside of ``` lines."""
    return float(_read(answer.text, fence=options["fence"]) is not _NOTHING)


def json_schema(answer: Answer, options: Options) -> float:
    """Return 1 where the answer is JSON that keeps to the schema of its document."""
    value = _read(answer.text, fence=options["fence"])
    if value is _NOTHING:
        return 0.0
    try:
        return float(_validator(schema_text(answer)).is_valid(value))
    except RecursionError:  # nested deeper than can be checked; the schema itself was checked before
        return 0.0


def json_fields(answer: Answer, options: Options) -> float:
    """Return 1 where the fields have the values of a reference, with `partial` the share of those that have; the best
    over the references.

    The fields are those named, or all of the reference; `a.b` is the field b of the object in a.
    """
    value = _read(answer.text, fence=options["fence"])
    return max((_alike(value, json.loads(each), options) for each in answer.references), default=0.0)


def _alike(value: Any, wanted: Any, options: Options) -> float:
    if not isinstance(value, dict):
        return 0.0
    names = fields_named(options) or list(wanted)
    right = sum(same_json(_field(value, name), _field(wanted, name)) for name in names)
    return right / len(names) if options["partial"] else float(right == len(names))


def fields_named(options: Options) -> list[str]:
    """Return the names of the fields that are compared; none named means all of the reference."""
    return [name for each in str(options["fields"]).split(",") if (name := each.strip())]


def has_field(value: Mapping[str, Any], name: str) -> bool:
    """Return whether an object has a field of this name, or of this path."""
    return _field(value, name) is not _NOTHING


def _field(value: Any, name: str) -> Any:
    if isinstance(value, dict) and name in value:
        return value[name]
    first, dot, rest = name.partition(".")
    if dot and isinstance(value, dict) and first in value:
        return _field(value[first], rest)
    return _NOTHING


def same_json(one: Any, other: Any) -> bool:
    """Return whether two JSON values are equal: 1 and 1.0 are, 1 and true are not; objects have no order."""
    if one is _NOTHING or other is _NOTHING:
        return False
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_json(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    return bool(one == other)


def read_json(text: str) -> Any:
    """Return the JSON value that `text` is. Raises ValueError where it is none, also for NaN and for what is nested
    too deep."""

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is no JSON")

    try:
        return json.loads(text, parse_constant=refuse)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _read(text: str, *, fence: bool) -> Any:
    text = text.strip()
    if fence and (inner := _FENCE.match(text)):
        text = inner[1]
    try:
        return read_json(text)
    except ValueError:
        return _NOTHING


def schema_text(answer: Answer) -> str:
    """Return the JSON schema of the answer's document, as text."""
    schema = answer.extras.get("schema")
    return schema if isinstance(schema, str) else json.dumps(schema)


def check_schema(text: str) -> None:
    """Raises UsageError for a schema that is none, or that would be fetched from elsewhere."""
    _validator(text)


@functools.lru_cache(maxsize=1024)
def _validator(text: str) -> Any:
    """Return what checks values against the schema in `text`. Nothing is fetched, and its patterns are bounded in time.

    Raises UsageError.
    """
    import jsonschema
    import referencing

    try:
        schema = read_json(text)
        kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
        kind.check_schema(schema)
        resolver = referencing.Registry().with_resource("", _resource(kind, schema)).resolver()
        for reference in _references(schema):
            if reference.startswith("#"):
                resolver.lookup(reference)
            else:
                raise UsageError(
                    f"The JSON schema refers to {one_line(reference, 80)!r}, and nothing is fetched.",
                    "Put that schema under $defs and refer to #/$defs/NAME.",
                )
        for pattern in (patterns := list(_patterns(schema))):
            check_pattern(pattern)
        if patterns and any(key == "unevaluatedProperties" for key, _ in _items(schema)):
            raise UsageError(
                "The JSON schema has unevaluatedProperties beside patterns, which cannot be bounded in time.",
                "Use additionalProperties.",
            )
        validator = _bounded(kind)(schema, registry=referencing.Registry())
        for value in _TRIED:
            validator.is_valid(value)
    except (ValueError, jsonschema.SchemaError, referencing.exceptions.Unresolvable, RecursionError) as error:
        why = getattr(error, "message", None) or str(error)
        why = "it refers to itself without end" if isinstance(error, RecursionError) else why
        raise UsageError(f"The JSON schema cannot be used: {one_line(why)}.", "Correct the schema.") from None
    return validator


def _resource(kind: Any, schema: Any) -> Any:
    import referencing.jsonschema

    return referencing.jsonschema.specification_with(kind.META_SCHEMA["$schema"]).create_resource(schema)


@functools.cache
def _bounded(kind: Any) -> Any:
    """Return a class of validators whose patterns are searched with a bound on time, and multiples exact."""
    import jsonschema

    def pattern(validator: Any, wanted: str, value: Any, _schema: Any) -> Iterator[Any]:
        if validator.is_type(value, "string") and not bounded_search(wanted, value):
            yield jsonschema.ValidationError(f"it does not match {wanted}")

    def pattern_properties(validator: Any, wanted: Any, value: Any, _schema: Any) -> Iterator[Any]:
        if validator.is_type(value, "object"):
            for each, schema in wanted.items():
                for name, inner in value.items():
                    if bounded_search(each, name):
                        yield from validator.descend(inner, schema, path=name, schema_path=each)

    def additional_properties(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
        if not validator.is_type(value, "object"):
            return
        known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        for name, inner in value.items():
            if name not in known and not any(bounded_search(each, name) for each in patterns):
                yield from validator.descend(inner, wanted, path=name)

    ours = {
        "multipleOf": _multiple_of,
        "pattern": pattern,
        "patternProperties": pattern_properties,
        "additionalProperties": additional_properties,
    }
    return jsonschema.validators.extend(kind, ours)


def _multiple_of(validator: Any, wanted: float, value: Any, _schema: Any) -> Iterator[Any]:
    import jsonschema

    if validator.is_type(value, "number") and (value in _ENDLESS or _exact(value) % _exact(wanted)):
        yield jsonschema.ValidationError(f"it is no multiple of {wanted}")


def _exact(number: float) -> Fraction:
    """Return the decimal that was written: 19.99 is a multiple of 0.01, and its float is none."""
    return Fraction(repr(number)) if isinstance(number, float) else Fraction(number)


def _references(schema: Any) -> Iterator[str]:
    for key, value in _items(schema):
        if key in ("$ref", "$dynamicRef", "$recursiveRef") and isinstance(value, str):
            yield value


def _patterns(schema: Any) -> Iterator[str]:
    for key, value in _items(schema):
        if key == "pattern" and isinstance(value, str):
            yield value
        if key == "patternProperties" and isinstance(value, dict):
            yield from value


def _items(schema: Any) -> Iterator[tuple[str, Any]]:
    """Yield the entries of all objects in the schema."""
    waiting = [schema]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            yield from each.items()
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
