"""Checks before anything is asked that every document has what its metrics need, and that they can score it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from benchtui.errors import UsageError
from benchtui.tasks.metrics.answer import Answer
from benchtui.tasks.metrics.languages import Letters
from benchtui.tasks.metrics.measures.json_answers import (
    check_schema,
    fields_named,
    has_field,
    read_json,
    same_json,
    schema_text,
)
from benchtui.tasks.metrics.measures.numerals import the_number
from benchtui.tasks.metrics.measures.patterns import check_pattern, pattern_of
from benchtui.tasks.metrics.measures.texts import NORMALISATIONS, squad
from benchtui.tasks.metrics.metric import ChosenMetric
from benchtui.text import one_line


class Checks:
    """Looks at the documents one by one, then at what they are together.

    A score of 0 that nobody could have improved, or of 1 that nobody could miss, says nothing about a model.
    """

    def __init__(self, chosen: Sequence[ChosenMetric]) -> None:
        self._chosen = chosen
        self._letters = [Letters(each) for each in chosen if each.metric.needs == "reference" and each.metric.score]

    def add(self, place: str, answer: Answer) -> None:
        """Look at one document; its text is not used. Raises UsageError that names the `place` and the metric."""
        for chosen in self._chosen:
            problem = _problem(chosen, answer)
            if problem:
                raise UsageError(f"{place}: {problem[0]}", problem[1])
        for letters in self._letters:
            for reference in answer.references:
                letters.add(place, reference)

    def finish(self) -> None:
        """Look at all documents together. Raises UsageError where a metric cannot score their language."""
        for letters in self._letters:
            letters.check()


Problem = tuple[str, str] | None
"""What is wrong and what to do, None where nothing is."""


def _problem(chosen: ChosenMetric, answer: Answer) -> Problem:
    name, needs = chosen.metric.name, chosen.metric.needs
    if needs in ("reference", "JSON reference") and not answer.references:
        return f"there is no reference, which {name} needs.", "Fill it in, or leave the row out."
    try:
        own = _OWN.get(name)
        return own(chosen, answer) if own else None
    except UsageError as error:
        return error.what, error.next_step


def _empty_after(chosen: ChosenMetric, answer: Answer) -> Problem:
    normal = squad if chosen.metric.name == "f1" else NORMALISATIONS[chosen.options["normalise"]]
    for reference in answer.references:
        if not normal(reference):
            left = "is empty" if not reference.strip() else f"loses all of its text for {chosen.written}"
            return (
                f"the reference {one_line(reference, 40)!r} {left}: an empty answer would be right.",
                "Fill it in, or name another normalisation.",
            )
    return None


def _number(chosen: ChosenMetric, answer: Answer) -> Problem:
    check_pattern(chosen.options["pattern"])
    for reference in answer.references:
        if the_number(reference, chosen.options["decimal"]) is None:
            comma = the_number(reference, "comma") is not None and chosen.options["decimal"] == "point"
            return (
                f"the reference {one_line(reference, 40)!r} is not one number, which the metric number needs.",
                "Name number:decimal=comma." if comma else "Name another metric, or correct the row.",
            )
    return None


def _pattern(chosen: ChosenMetric, answer: Answer) -> Problem:
    pattern = pattern_of(answer, chosen.options)
    if not pattern:
        return (
            f"there is no pattern, which the metric {chosen.metric.name} needs.",
            f"Name one for all rows ({chosen.metric.name}:pattern=…), or fill in a column called pattern.",
        )
    check_pattern(pattern)
    return None


def _extracted(chosen: ChosenMetric, answer: Answer) -> Problem:
    return _pattern(chosen, answer) or _empty_after(chosen, answer)


def _schema(_chosen: ChosenMetric, answer: Answer) -> Problem:
    if not answer.extras.get("schema"):
        return (
            "there is no JSON schema, which the metric json_schema needs.",
            "Name one for all rows (json_schema:schema=FILE), or fill in a column called schema.",
        )
    check_schema(schema_text(answer))
    return None


def _fields(chosen: ChosenMetric, answer: Answer) -> Problem:
    for reference in answer.references:
        try:
            value = read_json(reference)
            same_json(value, value)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict) or not value:
            return f"the reference {one_line(reference, 40)!r} is no JSON object with fields.", "Correct the row."
        for name in fields_named(chosen.options):
            if not has_field(value, name):
                return f"the reference has no field {one_line(name, 40)!r}.", "Name fields that it has."
    return None


def _choices(_chosen: ChosenMetric, answer: Answer) -> Problem:
    if len(answer.choices) < 2 or len(answer.letters) != len(answer.choices):
        return "there are no choices with letters, which the metric choice_letter needs.", "Name the column of choices."
    if answer.gold is None or not 0 <= answer.gold < len(answer.choices):
        return "it is not known which choice is right.", "Correct the row."
    return None


_OWN: Mapping[str, Callable[[ChosenMetric, Answer], Problem]] = MappingProxyType(
    {
        "exact_match": _empty_after,
        "contains": _empty_after,
        "f1": _empty_after,
        "number": _number,
        "regex": _pattern,
        "extract": _extracted,
        "json_schema": _schema,
        "json_fields": _fields,
        "choice_letter": _choices,
    }
)
"""What a metric needs beyond a reference, by its name."""
