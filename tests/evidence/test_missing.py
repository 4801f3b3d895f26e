"""Bounds on what missing samples could have been, against every completion there is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.compare.differences.difference import (
    PairedTerms,
    at_level,
    chance_of_no_less,
    chance_of_no_more,
    difference,
    with_missing,
)
from benchtui.compare.differences.metrics import AGGREGATIONS
from benchtui.compare.records import Difference
from benchtui.evidence.missing import Terms, completions

MEAN = AGGREGATIONS[0]
rights = st.lists(st.booleans(), max_size=3)
both = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40)


def terms(scores: list[float]) -> np.ndarray:
    return np.array([[score, 1.0] for score in scores]).reshape(-1, 2)


def made(first: list[float], second: list[float]) -> Difference:
    return difference(PairedTerms(MEAN, terms(first), terms(second)))


def held(pairs: list[tuple[bool, bool]], alone: tuple[list[bool], list[bool]], neither: int) -> Difference:
    sides: Terms = terms([float(a) for a, _ in pairs]), terms([float(b) for _, b in pairs])
    ends = completions(sides, (terms([*map(float, alone[0])]), terms([*map(float, alone[1])])), neither)
    found = [difference(PairedTerms(MEAN, *end)) for end in ends]
    return with_missing(difference(PairedTerms(MEAN, *sides)), found, len(alone[0]) + len(alone[1]) + neither)


@given(both, rights, rights, st.integers(0, 2))
@settings(max_examples=60, deadline=None)
def test_what_is_claimed_holds_for_every_way_to_fill_in_what_is_missing(
    pairs: list[tuple[bool, bool]], first_alone: list[bool], second_alone: list[bool], neither: int
) -> None:
    """p is the largest of all completions' one-sided p-values, the interval holds all of theirs."""
    found = held(pairs, (first_alone, second_alone), neither)
    if not found.missing:
        return
    lowest = dict.fromkeys((-0.1, 0.0, 0.1), 0.0)
    intervals, values = [], []
    for filled in itertools.product((0.0, 1.0), repeat=len(first_alone) + len(second_alone) + 2 * neither):
        rest = list(filled)
        first, second = [float(a) for a, _ in pairs], [float(b) for _, b in pairs]
        for right in first_alone:
            first.append(float(right))
            second.append(rest.pop())
        for right in second_alone:
            second.append(float(right))
            first.append(rest.pop())
        for _ in range(neither):
            first.append(rest.pop())
            second.append(rest.pop())
        whole = made(first, second)
        intervals.append(whole.interval)
        values.append(whole.value)
        for x in lowest:
            lowest[x] = max(lowest[x], chance_of_no_more(whole, x))
    for x, p in lowest.items():
        assert chance_of_no_more(found, x) == pytest.approx(p, abs=1e-9)
    assert found.interval is not None
    assert found.interval.low == pytest.approx(min(i.low for i in intervals if i), abs=1e-8)
    assert found.interval.high == pytest.approx(max(i.high for i in intervals if i), abs=1e-8)
    assert [each.value for each in found.completions] == pytest.approx([min(values), max(values)])


@given(both, rights, rights, st.integers(0, 2), st.sampled_from([0.05, 0.01]))
@settings(max_examples=100, deadline=None)
def test_the_interval_leaves_out_zero_exactly_when_the_test_rejects(
    pairs: list[tuple[bool, bool]], first: list[bool], second: list[bool], neither: int, alpha: float
) -> None:
    found = at_level(held(pairs, (first, second), neither), alpha)
    assert found.interval is not None
    assert found.interval.excludes_zero() == (found.p < alpha)
    assert (
        found.p == min(1.0, 2 * min(chance_of_no_more(found, 0.0), chance_of_no_less(found, 0.0))) or not found.missing
    )


def test_ends_of_the_scale_are_put_in_for_several_scores_of_one_document() -> None:
    """A document of three instructions, of which the first run followed two, counts three in either completion."""
    nothing = np.empty((0, 2))
    lowest, highest = completions((nothing, nothing), (np.array([[2.0, 3.0]]), np.array([[1.0, 2.0]])), 0)
    assert [side.tolist() for side in lowest] == [[[2, 3], [2, 2]], [[0, 3], [1, 2]]]
    assert [side.tolist() for side in highest] == [[[2, 3], [0, 2]], [[3, 3], [1, 2]]]
