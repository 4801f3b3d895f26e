"""The one pairing rule, where it is hard: equal documents, other prompts, lost documents, files without hashes."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from benchtui.evidence.pairing import HashedDocument, pair_documents


def numbers(first: list[HashedDocument], second: list[HashedDocument]) -> list[tuple[int, int]]:
    return [(mine.doc_id, theirs.doc_id) for mine, theirs in pair_documents(first, second).pairs]


def document(doc_id: int, content: str, prompt: str = "asked") -> HashedDocument:
    return HashedDocument(doc_id, content, prompt)


def test_equal_documents_keep_their_number_when_one_of_them_was_lost() -> None:
    first = [document(3, "same"), document(9, "same")]
    assert numbers(first, [document(9, "same")]) == [(9, 9)]
    assert [lost.doc_id for lost in pair_documents(first, [document(9, "same")]).only_first] == [3]


def test_equal_documents_with_other_numbers_are_paired_in_order_after_those_with_the_same() -> None:
    first = [document(0, "same"), document(1, "same"), document(2, "same")]
    second = [document(7, "same"), document(1, "same"), document(5, "same")]
    assert numbers(first, second) == [(0, 5), (1, 1), (2, 7)]


def test_equal_documents_asked_with_other_examples_are_not_crossed() -> None:
    """Few-shot examples differ from one occurrence to the next: an occurrence goes with its own number, or with none,
    even where its prompt is that of the other occurrence."""
    first = [document(0, "same", "examples a"), document(1, "same", "examples b")]
    second = [document(0, "same", "examples b"), document(1, "same", "examples a")]
    joined = pair_documents(first, second)
    assert joined.pairs == ()
    assert joined.differing_prompts == 2
    assert joined.only_first == joined.only_second == ()


def test_documents_without_hashes_are_paired_by_their_number() -> None:
    first = [document(n, "", "") for n in (0, 1, 2)]
    second = [document(n, "", "") for n in (2, 1)]
    assert numbers(first, second) == [(1, 1), (2, 2)]


def test_nothing_is_paired_with_nothing() -> None:
    assert numbers([], [document(0, "a")]) == numbers([document(0, "a")], []) == []


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1)), max_size=12),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1)), max_size=12),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_files_changes_nothing_and_both_sides_agree(
    first: list[tuple[int, int]], second: list[tuple[int, int]], rng: random.Random
) -> None:
    mine = [document(n, f"d{content}", f"p{prompt}") for n, (content, prompt) in enumerate(first)]
    theirs = [document(n, f"d{content}", f"p{prompt}") for n, (content, prompt) in enumerate(second)]
    found = numbers(mine, theirs)
    assert numbers(rng.sample(mine, len(mine)), rng.sample(theirs, len(theirs))) == found
    assert sorted((a, b) for b, a in numbers(theirs, mine)) == found
