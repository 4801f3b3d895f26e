"""What is refused before anything is asked: documents that their metrics cannot score."""

from __future__ import annotations

from typing import Any

import pytest

from benchtui.errors import UsageError
from benchtui.tasks.metrics.answer import Answer
from benchtui.tasks.metrics.checks import Checks
from benchtui.tasks.metrics.registry import choose


def check(metric: str, *references: str, **more: Any) -> None:
    """Check documents with one reference each."""
    checks = Checks([choose(metric)])
    for number, reference in enumerate(references or [None], 1):
        checks.add(f"row {number}", Answer("", (reference,) if reference is not None else (), **more))
    checks.finish()


@pytest.mark.parametrize(
    ("metric", "reference", "said"),
    [
        ("exact_match", " ", "row 1: the reference '' is empty"),
        ("exact_match:normalise=squad", "A", "row 1: the reference 'A' loses all of its text"),
        ("contains", "", "is empty"),
        ("f1", "The!", "loses all of its text"),
        ("number:pattern=(", "10", "row 1: The pattern '(' cannot be used"),
        ("number", "ten", "row 1: the reference 'ten' is not one number"),
        ("number", "3,14", "Name number:decimal=comma."),
        ("number", "1 or 2", "is not one number"),
        ("regex", "x", "there is no pattern"),
        ("regex:pattern=(", "x", "cannot be used"),
        ("extract", "x", "there is no pattern"),
        ("json_schema", "x", "there is no JSON schema"),
        ("json_fields", "x", "no JSON object"),
        ("json_fields", "{}", "no JSON object"),
        ("json_fields:fields=b", '{"a": 1}', "no field 'b'"),
        ("choice_letter", "x", "no choices"),
        ("rouge1", "Привет", "row 1: rouge1 keeps only the letters a to z"),
        ("rougeL", "北京是首都", "Name chrf instead"),
        ("bleu", "北京是中国的首都。", "bleu:tokenize=zh for Chinese"),
        ("bleu", "東京は日本の首都です", "bleu:tokenize=char for others"),
        ("bleu:tokenize=zh", "ベルリンはドイツのしゅと", "bleu:tokenize=char for others"),
        ("bleu:tokenize=intl", "กรุงเทพมหานคร", "finds words at spaces"),
        ("bleu", "서울은 한국의 수도이다", "finds words at spaces"),
        ("f1", "北京", "f1:tokens=characters"),
        ("contains:words=yes", "北京", "contains without words=yes"),
    ],
)
def test_what_cannot_be_scored_is_refused(metric: str, reference: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        check(metric, reference)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("metric", "reference"),
    [
        ("exact_match", "007"),
        ("exact_match:normalise=none", " x"),
        ("number", "$1,000.50"),
        ("number:decimal=comma", "3,14"),
        ("regex:pattern=x", "y"),
        ("json_fields:fields=a.b", '{"a": {"b": 1}}'),
        ("chrf", "北京是首都"),
        ("chrf", "Привет"),
        ("bleu", "Привет, мир"),
        ("bleu:tokenize=zh", "北京是中国的首都。"),
        ("bleu:tokenize=char", "กรุงเทพมหานคร"),
        ("f1:tokens=characters", "北京"),
        ("f1", "서울은 한국의 수도이다"),
        ("contains", "北京"),
        ("rouge1", "Le café est près de la vieille église du village"),
        ("rouge2", "42 %"),
        ("json_valid", "x"),
        ("refusal", ""),
        ("length", ""),
    ],
)
def test_what_can_be_scored_is_taken(metric: str, reference: str) -> None:
    check(metric, reference)


def test_a_single_row_in_another_language_is_no_reason() -> None:
    check("bleu", *["The capital of China is called Beijing."] * 20, "北京")


def test_words_cut_at_accents_are_refused_for_the_whole_column() -> None:
    """Each Polish reference keeps some letters; all together lose too many."""
    with pytest.raises(UsageError, match=r"cuts words at others, which are \d+ % of"):
        check("rouge1", "Zażółć gęślą jaźń", "Żółw śpi na łące", "dom")


def test_a_missing_reference_is_named_with_its_row() -> None:
    with pytest.raises(UsageError, match="row 1: there is no reference, which exact_match needs"):
        check("exact_match")


@pytest.mark.parametrize(
    ("gold", "letters", "said"), [(None, "AB", "which choice is right"), (2, "AB", "which choice"), (0, "A", "letters")]
)
def test_choices(gold: int | None, letters: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check("choice_letter", "x", gold=gold, letters=tuple(letters), choices=("left", "right"))


def test_a_bad_schema_or_pattern_of_a_row_is_named_with_it() -> None:
    with pytest.raises(UsageError, match="row 1: The JSON schema refers to 'http://x'"):
        check("json_schema", "x", extras={"schema": {"$ref": "http://x"}})
    with pytest.raises(UsageError, match="row 1: The pattern"):
        check("regex", "x", extras={"pattern": "["})
