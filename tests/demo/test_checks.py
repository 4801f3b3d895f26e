"""The instruction task's verdict on a reply."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.demo.tasks.checks import CHECKS, followed, process_results

CASES: list[tuple[str, list[str], int, str, bool]] = [
    ("case:capitals", ["bell"], 1, "BELL", True),
    ("case:capitals", ["bell"], 1, "Bell", False),
    ("case:capitals", ["bell"], 1, "BOAT", False),
    ("case:small", [], 1, "the bell is red.", True),
    ("case:small", [], 1, "The bell is red.", False),
    ("words:exactly", [], 3, "Small red bell.", True),
    ("words:exactly", [], 3, "The small red bell.", False),
    ("words:include", ["bell", "boat"], 1, "The bell is near the boat.", True),
    ("words:include", ["bell", "boat"], 1, "The bells are near the boat.", False),
    ("words:avoid", ["bell"], 1, "It is red.", True),
    ("words:avoid", ["bell"], 1, "The Bell is red.", False),
    ("words:avoid", ["bell"], 1, "...", False),
    ("words:first", ["well"], 1, "Well, it is red.", True),
    ("words:first", ["well"], 1, "It is red, well.", False),
    ("words:last", ["done"], 1, "It is red, done.", True),
    ("words:last", ["done"], 1, "Done.  It is red.", False),
    ("words:sequence", ["bell"], 3, "bell bell bell", True),
    ("words:sequence", ["bell"], 3, "bell bell", False),
    ("words:sequence", ["boat", "bell"], 1, "boat, bell", True),
    ("words:sequence", ["boat", "bell"], 1, "bell, boat", False),
    ("items:count", ["fox", "hen", "cat"], 2, "fox and hen", True),
    ("items:count", ["fox", "hen", "cat"], 2, "fox, fox", False),
    ("items:count", ["fox", "hen", "cat"], 2, "fox, dog", False),
    ("items:count", ["fox", "hen", "cat"], 2, "fox, hen, cat", False),
    ("form:question", [], 1, "Is the bell red?", True),
    ("form:question", [], 1, "The bell is red.", False),
    ("form:quoted", ["bell"], 1, '"bell"', True),
    ("form:quoted", ["bell"], 1, "bell", False),
    ("form:yes_no", [], 1, "Yes.", True),
    ("form:yes_no", [], 1, "Yes, it is.", False),
]


@pytest.mark.parametrize(("check", "words", "count", "reply", "expected"), CASES)
def test_a_reply_is_judged_by_its_own_instruction(
    check: str, words: list[str], count: int, reply: str, expected: bool
) -> None:
    assert followed({"id": check, "words": words, "count": count}, f" {reply}\n") is expected


def test_every_check_has_a_case_for_and_against() -> None:
    seen = {(check, expected) for check, *_, expected in CASES}
    assert seen == {(check, expected) for check in CHECKS for expected in (True, False)}


def test_both_instructions_of_a_prompt_must_be_followed() -> None:
    doc = {
        "instructions": [
            {"id": "case:small", "words": [], "count": 1},
            {"id": "words:last", "words": ["done"], "count": 1},
        ]
    }
    assert process_results(doc, ["it is red, done."])["prompt_level_strict_acc"] == 1.0
    assert process_results(doc, ["it is red."])["prompt_level_loose_acc"] == 0.0
    assert process_results(doc, ["It is red, done."])["prompt_level_loose_acc"] == 0.0


def test_loose_forgives_an_introduction_and_a_frame_strict_does_not() -> None:
    doc = {"instructions": [{"id": "words:sequence", "words": ["bell"], "count": 2}]}
    assert process_results(doc, ["Here you are: bell bell"]) == {
        "prompt_level_strict_acc": 0.0,
        "prompt_level_loose_acc": 1.0,
    }
    yes_no = {"instructions": [{"id": "form:yes_no", "words": [], "count": 1}]}
    assert process_results(yes_no, ["**Yes**"]) == {"prompt_level_strict_acc": 0.0, "prompt_level_loose_acc": 1.0}


@given(
    reply=st.text(max_size=80) | st.text(alphabet='ab:." ?\n*', max_size=20),
    check=st.sampled_from(sorted(CHECKS)),
    words=st.lists(st.sampled_from(["a", "b"]), max_size=3),
    count=st.integers(1, 4),
)
def test_any_reply_gets_a_verdict_and_loose_is_never_stricter(
    reply: str, check: str, words: list[str], count: int
) -> None:
    doc: dict[str, Any] = {"instructions": [{"id": check, "words": words, "count": count}]}
    scores = process_results(doc, [reply])
    assert set(scores.values()) <= {0.0, 1.0}
    assert scores["prompt_level_strict_acc"] <= scores["prompt_level_loose_acc"]
