"""Only the same document, asked the same way, is paired."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from benchtui.compare.differences.pairing import pair
from benchtui.results.samples import Sample


def sample(doc_id: int, document: str, prompt: str = "p", filter_name: str = "none") -> Sample:
    return Sample("task", doc_id, filter_name, document, f"{prompt}{document}", "t", (("acc", 1.0),), 0)


def numbers(found: list[Sample], others: list[Sample]) -> list[tuple[int, int]]:
    return [(a.doc_id, b.doc_id) for a, b in pair("task", "none", found, others).pairs]


def test_documents_are_joined_whatever_their_order() -> None:
    first = [sample(i, f"d{i}") for i in range(5)]
    second = list(reversed(first))
    joined = pair("task", "none", first, second)
    assert [(a.doc_id, b.doc_id) for a, b in joined.pairs] == [(i, i) for i in range(5)]
    assert joined.counts.unpaired_share == 0


def test_a_document_that_occurs_twice_is_paired_with_the_same_occurrence() -> None:
    first = [sample(0, "same"), sample(1, "other"), sample(2, "same")]
    assert numbers(first, list(reversed(first))) == [(0, 0), (1, 1), (2, 2)]


def test_an_occurrence_that_is_missing_does_not_shift_the_others() -> None:
    """A partial run that answered only the second of two equal documents is compared on the second."""
    assert numbers([sample(3, "same"), sample(9, "same")], [sample(9, "same")]) == [(9, 9)]


def test_occurrences_with_other_numbers_are_paired_in_order() -> None:
    assert numbers([sample(0, "same"), sample(1, "same")], [sample(10, "same"), sample(12, "same")]) == [
        (0, 10),
        (1, 12),
    ]


def test_another_prompt_is_counted_and_not_paired() -> None:
    joined = pair("task", "none", [sample(0, "a"), sample(1, "b")], [sample(0, "a", "q"), sample(1, "b")])
    assert [(a.doc_id, b.doc_id) for a, b in joined.pairs] == [(1, 1)]
    assert joined.counts.differing_prompts == 1
    assert joined.counts.unpaired_share == 0.5


def test_what_only_one_run_has_is_counted_on_its_side() -> None:
    joined = pair("task", "none", [sample(i, f"d{i}") for i in range(4)], [sample(i, f"d{i}") for i in range(3, 5)])
    assert (joined.counts.matched, joined.counts.only_first, joined.counts.only_second) == (1, 3, 1)


def test_another_filter_is_another_sample() -> None:
    assert numbers([sample(0, "a", filter_name="strict")], [sample(0, "a")]) == []


@given(
    st.lists(st.integers(0, 4), max_size=12),
    st.lists(st.integers(0, 4), max_size=12),
    st.randoms(use_true_random=False),
)
def test_no_sample_is_lost_or_used_twice(first: list[int], second: list[int], rng: random.Random) -> None:
    mine = [sample(i, f"d{name}") for i, name in enumerate(first)]
    theirs = [sample(i, f"d{name}") for i, name in enumerate(second)]
    joined = pair("task", "none", rng.sample(mine, len(mine)), rng.sample(theirs, len(theirs)))
    counts = joined.counts
    assert counts.matched + counts.only_first == len(mine)
    assert counts.matched + counts.only_second == len(theirs)
    assert len({id(a) for a, _ in joined.pairs}) == len({id(b) for _, b in joined.pairs}) == counts.matched
    assert all(a.doc_hash == b.doc_hash for a, b in joined.pairs)
    expected = sum(min(first.count(name), second.count(name)) for name in set(first))
    assert counts.matched == expected
