"""What samples say of two models, read back: parts that fit the answer, whatever a file holds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.results.routed import AnswerPart, fitted, routed_answers, routed_record
from benchtui.routing.answers import RoutedFacts, Run, Work

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["runs", "small", "before"]), inner),
    max_leaves=20,
)


def parts(*runs: tuple[str, int, int], before: int = 0) -> tuple[AnswerPart, ...]:
    record = {"small": 1, "large": 1, "runs": [list(run) for run in runs], "before": before}
    ((found,),) = routed_answers({"routed": [[record]]})
    assert found is not None
    return found.parts


def test_what_is_written_is_read_back() -> None:
    facts = RoutedFacts(Work(9, 30, 3), Work(2, 20, 2), (Run("a", 3, 9), Run("b", 2, 4)), 12, 3)
    ((found,),) = routed_answers({"routed": [[routed_record(facts)]]})
    assert found is not None
    assert (found.small, found.large, found.drafted, found.accepted) == (3, 2, 12, 3)
    assert found.parts == (AnswerPart("small", 9), AnswerPart("large", 4))


def test_a_log_likelihood_has_counts_alone() -> None:
    assert routed_record(RoutedFacts(Work(1, 9, 2), Work(1, 9, 0))) == {"small": 2, "large": 0}


def test_a_character_that_both_wrote_has_the_one_that_began_it() -> None:
    # Two bytes of three, each shown as a sign of its own until the third makes one character of them.
    assert parts(("small", 1, 3), ("large", 2, 2), ("small", 1, -1), ("large", 1, 2)) == (
        AnswerPart("small", 3),
        AnswerPart("large", 1),
        AnswerPart("large", 2),
    )


def test_thoughts_before_the_answer_are_left_out() -> None:
    found = parts(("small", 4, 10), ("large", 2, 5), ("small", 2, 6), before=12)
    assert found == (AnswerPart("large", 3), AnswerPart("small", 6))


def test_what_a_stop_string_cut_off_is_left_out_and_what_nobody_tells_has_no_author() -> None:
    known = (AnswerPart("small", 5), AnswerPart("large", 5))
    assert list(fitted(known, 7)) == [AnswerPart("small", 5), AnswerPart("large", 2)]
    assert list(fitted(known, 12)) == [*known, AnswerPart("", 2)]
    assert list(fitted((), 0)) == []


@given(JSON)
def test_nothing_that_a_file_holds_breaks_it(routed: Any) -> None:
    for answers in routed_answers({"routed": routed}):
        for answer in answers:
            assert answer is None or sum(part.characters for part in fitted(answer.parts, 50)) == 50


@pytest.mark.parametrize("raw", [{}, {"routed": None}, {"routed": []}, {"routed": {"small": 1}}])
def test_samples_of_one_model_say_nothing(raw: dict[str, Any]) -> None:
    assert routed_answers(raw) == []


@given(st.lists(st.tuples(st.sampled_from(["small", "large"]), st.integers(1, 5), st.integers(-5, 9)), max_size=30))
def test_parts_are_as_long_as_the_text(runs: list[tuple[str, int, int]]) -> None:
    found = parts(*runs)
    assert all(part.characters > 0 for part in found)
    assert sum(part.characters for part in found) == max(sum(characters for _, _, characters in runs), 0)
