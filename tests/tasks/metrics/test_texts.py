"""Metrics of text: against SQuAD's own formulas, and with several references."""

from __future__ import annotations

import re
import string
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tasks.metrics.scored import score

WORDS = st.lists(st.sampled_from(["the", "a", "An", "cat", "Cat.", "sat", "1,000", "¿qué?", "—", "日本"]), max_size=6)
TEXTS = WORDS.map(" ".join) | st.text(max_size=12)


def official_f1(answer: str, gold: str) -> float:
    """As SQuAD 2.0's evaluation script writes it."""

    def normalize(s: str) -> str:
        s = "".join(c for c in s.lower() if c not in set(string.punctuation))
        return " ".join(re.compile(r"\b(a|an|the)\b", re.UNICODE).sub(" ", s).split())

    gold_toks, pred_toks = normalize(gold).split(), normalize(answer).split()
    num_same = sum((Counter(gold_toks) & Counter(pred_toks)).values())
    if len(gold_toks) == 0 or len(pred_toks) == 0:
        return int(gold_toks == pred_toks)
    if num_same == 0:
        return 0
    precision, recall = num_same / len(pred_toks), num_same / len(gold_toks)
    return (2 * precision * recall) / (precision + recall)


@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=3))
def test_f1_is_squads(answer: str, golds: list[str]) -> None:
    assert score("f1", answer, *golds) == pytest.approx(max(official_f1(answer, gold) for gold in golds))


@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=3))
def test_any_reference_will_do(answer: str, golds: list[str]) -> None:
    for metric in ("exact_match", "exact_match:normalise=squad", "contains", "f1", "rouge1", "number"):
        assert score(metric, answer, *golds) == max(score(metric, answer, gold) for gold in golds)


@pytest.mark.parametrize(
    ("metric", "answer", "reference", "value"),
    [
        ("exact_match", " 007\n", "007", 1),
        ("exact_match", "7", "007", 0),
        ("exact_match:normalise=none", " 007", "007", 0),
        ("exact_match", "paris", "Paris", 0),
        ("exact_match:normalise=lower", "PARIS  is", "Paris is", 1),
        ("exact_match:normalise=lower", "STRASSE", "straße", 1),
        ("exact_match:normalise=lower", "cafe\u0301", "café", 1),
        ("exact_match:normalise=squad", "The answer!", "answer", 1),
        ("exact_match:normalise=numbers", "1,000.0 Apples", "1000 apples", 1),
        ("exact_match:normalise=numbers", "10 apples", "1000 apples", 0),
        ("contains", "It is PARIS.", "Paris", 1),
        ("contains:normalise=strip", "It is PARIS.", "Paris", 0),
        ("contains", "category", "cat", 1),
        ("contains:words=yes", "category", "cat", 0),
        ("contains:words=yes", "a cat.", "cat", 1),
        ("contains:words=yes", "costs $5 now", "$5", 1),
        ("contains:words=yes", "it is 15.5", "5", 0),
        ("contains:words=yes", "it is 5.5", "5", 0),
        ("contains:words=yes", "it is 1,5", "5", 0),
        ("contains:words=yes", "it is 5,000", "5", 0),
        ("contains:words=yes", "it is -5", "5", 0),
        ("contains:words=yes", "it is 5.", "5", 1),
        ("contains:words=yes", "4, 5, 6", "5", 1),
        ("contains:words=yes", "it is -5", "-5", 1),
        ("contains", "anything", "", 0),
        ("f1:tokens=characters", "北京", "北 京市", 0.8),
        ("length", "né", "", 2),
        ("length:unit=words", "two  words", "", 2),
        ("regex:pattern=^\\d+$", "42", "", 1),
        ("regex:pattern=PARIS", "paris", "", 0),
        ("regex:pattern=PARIS,case=no", "paris", "", 1),
        ("regex:pattern=4|42,full=yes", " 42 ", "", 1),
        ("extract:pattern=#### (-?[0-9.,]+)", "5+5\n#### 10", "10", 1),
        ("extract:pattern=#### (\\d+),which=last", "#### 9 #### 10", "10", 1),
        ("extract:pattern=#### (\\d+)", "#### 9 #### 10", "10", 0),
        ("extract:pattern=\\d+", "no number", "10", 0),
        ("extract:pattern=(x)?\\d", "5", "5", 0),
    ],
)
def test_what_is_compared(metric: str, answer: str, reference: str, value: float) -> None:
    assert score(metric, answer, reference) == pytest.approx(value)


def test_a_row_may_have_its_own_pattern() -> None:
    assert score("regex", "B-12", extras={"pattern": "[A-C]-12"}) == 1
    assert score("regex", "D-12", extras={"pattern": "[A-C]-12"}) == 0
