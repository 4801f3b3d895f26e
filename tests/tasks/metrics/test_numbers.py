"""Numbers in answers: which there are, and which is compared."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.tasks.metrics.measures.numerals import numbers_in, the_number, with_plain_numbers
from tests.tasks.metrics.scored import score


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1,234,567.89", ["1234567.89"]),
        ("12,34,567", ["1234567"]),
        ("1'234 and 1\u202f234", ["1234", "1234"]),
        ("$1,000.50, €5, 45 %, 45%", ["1000.5", "5", "45", "45"]),
        ("-5 and −3, but 10-5 and GPT-4", ["-5", "-3", "10", "5", "4"]),
        ("(-7) $-2 -$2", ["-7", "-2", "-2"]),
        ("x2, H2O, gpt4, v1.2.3, _9", []),
        ("3/4 and 6/3", ["0.75", "2"]),
        ("\\frac{3}{4} or \\dfrac{1}{2}", ["0.75", "0.5"]),
        ("\\frac{-3}{4}", ["-0.75"]),
        ("2\\frac{1}{2}, -1\\frac{1}{2}", ["2.5", "-1.5"]),
        ("10^5x", ["10", "5"]),
        ("1{,}234", ["1234"]),
        ("1.5 \\times 10^3, 1.5×10^{-3}, 2 * 10^5", ["1500", "0.0015", "200000"]),
        ("10^5 and 10^−2", ["100000", "0.01"]),
        ("1 1/2 and 2 3/4", ["1.5", "2.75"]),
        ("1 3/2", ["1", "1.5"]),
        ("__42__ _43_ _44", ["42", "43"]),
        ("2024/05/01", ["2024", "5", "1"]),
        ("2024-05-01", ["2024", "5", "1"]),
        ("1/0", ["1", "0"]),
        ("1e5, 1.5E-3, 2e999, 5eggs", ["100000", "0.0015", "5"]),
        (".5 and 0.5. And No.7", ["0.5", "0.5", "7"]),
        ("so...5", ["5"]),
        ("3,14", ["3", "14"]),
        ("1, 2, 3", ["1", "2", "3"]),
        ("答案是42。", ["42"]),
        ("٤٢ ४२ ４２ ٣٫٥", ["42", "42", "42", "3.5"]),
        ("**42** \\boxed{43} =44", ["42", "43", "44"]),
        ("007", ["7"]),
        ("9" * 401, []),
        ("²", []),
    ],
)
def test_numbers_are_found(text: str, found: list[str]) -> None:
    assert numbers_in(text) == [Fraction(each) for each in found]


def test_a_long_answer_costs_little() -> None:
    start = time.monotonic()
    for text in ("1 " * 50_000, "1/" * 50_000, "1," * 50_000, "9" * 100_000, "$" * 100_000, "-" * 100_000):
        numbers_in(text)
    assert time.monotonic() - start < 5


def test_decimal_commas() -> None:
    assert numbers_in("1.234,5 und 3,14 und 2.5", "comma") == [Fraction("1234.5"), Fraction("3.14"), 2, 5]


@given(st.text(st.sampled_from("0123456789.,'/-+eE%$ x\u202f−٤"), max_size=30))
def test_any_text_can_be_read(text: str) -> None:
    found = numbers_in(text)
    assert numbers_in(text, "comma") is not None
    assert all(isinstance(each, Fraction) for each in found)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=6))
def test_a_number_is_read_as_it_is_written(number: object) -> None:
    for written in (f"{number:,}", f"{number:f}", f"is {number:,}."):
        assert the_number(written) == Fraction(str(number)), written
    assert the_number(with_plain_numbers(f"{number:,}")) == Fraction(str(number))


@pytest.mark.parametrize(
    ("metric", "answer", "reference", "value"),
    [
        ("number", "5 + 5 = 10", "10", 1),
        ("number", "10 = 5 + 5", "10", 0),
        ("number:which=first", "10 = 5 + 5", "10", 1),
        ("number", "1,000.00 dollars", "$1000", 1),
        ("number", "3.15", "3.14", 0),
        ("number:tolerance=0.01", "3.15", "3.14", 1),
        ("number:tolerance=0.01", "3.151", "3.14", 0),
        ("number:relative=0.1", "-109", "-100", 1),
        ("number:relative=0.1", "-111", "-100", 0),
        ("number:tolerance=0.1", "0.3", "0.2", 1),  # 0.3 - 0.2 < 0.1 by floats, equal by decimals
        ("number", "none", "10", 0),
        ("number", "0.75", "3/4", 1),
        ("number:decimal=comma", "1.000,5", "1000,50", 1),
        ("number", "4", "3/4", 0),
        (r"number:pattern=#### (-?[0-9.,]+)", "9 eggs\n#### 1,018.\nor 7", "1018", 1),
        (r"number:pattern=#### (-?[0-9.,]+)", "the answer is 18", "18", 0),
    ],
)
def test_what_is_compared(metric: str, answer: str, reference: str, value: float) -> None:
    assert score(metric, answer, reference) == value
