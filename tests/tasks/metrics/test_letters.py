"""The choice that an answer names."""

from __future__ import annotations

import time

import pytest

from benchtui.tasks.metrics.measures.letters import named_choice
from tests.tasks.metrics.scored import score

CITIES = ("Berlin", "Paris", "Rome", "New York")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("B", 1),
        ("b", 1),
        (" (B) ", 1),
        ("**B**", 1),
        ("B.", 1),
        ("B. Paris", 1),
        ("B) Paris, since it is the capital", 1),
        ("B\n\nBecause of the river.", 1),
        ("Paris", 1),
        ("paris.", 1),
        ("The answer is B", 1),
        ("The answer is (B).", 1),
        ("The correct answer is: **B**", 1),
        ("Answer: B", 1),
        ("At first I thought the answer is A. But the answer is C.", 2),
        ("It must be option D, New York.", 3),
        ("答案是B。", 1),
        ("答案：C", 2),
        ("Ответ: D", 3),
        ("Die Antwort ist B.", 1),
        ("La réponse est C.", 2),
        ("So it is \\boxed{C}.", 2),
        ("I would pick (C) here", 2),
        ("The answer is B because of the river", 1),
        ("The correct option is C.", 2),
        ("The incorrect option is C.", None),
        ("The best choice: **D**", 3),
        ("The answer is A because of the river", 0),
        ("The answer is (b).", 1),
        ("b) Paris, since (a) is not one", 1),
        ("It is \\boxed{\\text{D}}", 3),
        ("**Answer:** C", 2),
        ("The capital is Paris, of course", 1),
        (
            "The correct answer is B. Option A is incorrect, option C is incorrect, and option D is incorrect.",
            1,
        ),
        ("Option A is incorrect. Therefore B.", 1),
        ("Correct answer: B. Incorrect answer: A", 1),
        ("The answer B, unlike choice D, is old", 1),
        ("Answer: A, B", None),
        ("The answer is A and C.", None),
        ("The answer is A or C.", None),
        ("The answer is B and C is wrong.", 1),
        ("A) is wrong, (B) is right", 1),
        ("It is not Paris", None),
        ("It is not Paris but Rome", 2),
        ("Answer: B\n\nQuestion: What is the capital of Italy?\nAnswer: C", 1),
        ("Option B is the correct one, option C is not.", 1),
        ("I choose option C.", 2),
        ("The answer isn't A. The answer is D.", 3),
        ("The wrong answer is A, the right answer is B", 1),
        ("A is wrong. B is wrong. The answer is C", 2),
        ("Option B", None),
        ("(A) is wrong", None),
        ("Neither Rome nor Berlin", None),
        ("A cat sat there", None),
        ("The answer is a city", None),
        ("The answer is A city in the north", None),
        ("I am not sure", None),
        ("(A) or (B)", None),
        ("E", None),
        ("", None),
        ("Parisian", None),
    ],
)
def test_the_choice_named(text: str, place: int | None) -> None:
    assert named_choice(text, "ABCD", CITIES) == place


def test_a_long_answer_costs_little() -> None:
    start = time.monotonic()
    for text in ("answer" + " *" * 50_000, "answer is " * 20_000, "x " + "(A)" * 50_000 + "(B)", "Neither " * 20_000):
        assert named_choice(text, "ABCD", CITIES) is None
    assert time.monotonic() - start < 5


def test_letters_may_be_numbers() -> None:
    assert named_choice("The answer is 2", ("1", "2"), ("left", "right")) == 1
    assert named_choice("2) right", ("1", "2"), ("left", "right")) == 1
    assert named_choice("22", ("1", "2"), ("left", "right")) is None


def test_only_the_right_choice_scores() -> None:
    more = {"choices": CITIES, "letters": tuple("ABCD")}
    assert score("choice_letter", "B", gold=1, **more) == 1
    assert score("choice_letter", "B", gold=0, **more) == 0
    assert score("choice_letter", "what?", gold=1, **more) == 0
    assert score("choice_letter", "what?", gold=None, **more) == 0
