"""Which models answer a prompt of a blind vote, and on which side: drawn, balanced over pairs, and always the same."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.runs.kinds.chat.seats import seats

PROMPTS = 2_000


@pytest.mark.parametrize("models", [2, 3, 4])
def test_each_pair_has_its_turn_before_any_has_another_one(models: int) -> None:
    pairs = set(combinations(range(models), 2))
    for block in range(50):
        shown = [seats(7, models, block * len(pairs) + place) for place in range(len(pairs))]
        assert {(min(pair), max(pair)) for pair in shown} == pairs


@pytest.mark.parametrize("models", [2, 3, 4])
def test_sides_are_drawn_as_by_a_coin(models: int) -> None:
    shown = [seats(11, models, place) for place in range(PROMPTS)]
    left = sum(first < second for first, second in shown)
    assert abs(left - PROMPTS / 2) < 4 * (PROMPTS / 4) ** 0.5
    alike = sum((a < b) == (c < d) for (a, b), (c, d) in pairwise(shown))
    assert abs(alike - PROMPTS / 2) < 4 * (PROMPTS / 4) ** 0.5, "a side must say nothing of the next one"


def test_orders_of_pairs_differ_from_block_to_block() -> None:
    orders = Counter(tuple(tuple(sorted(seats(3, 3, 3 * block + place))) for place in range(3)) for block in range(600))
    assert len(orders) == 6
    assert min(orders.values()) > 60


@given(st.integers(0, 2**64), st.integers(2, 4), st.integers(0, 10_000))
def test_a_vote_that_is_resumed_shows_the_same_sides(seed: int, models: int, place: int) -> None:
    first, second = seats(seed, models, place)
    assert first != second
    assert {first, second} <= set(range(models))
    assert seats(seed, models, place) == (first, second)


def test_another_seed_draws_other_sides() -> None:
    assert len({tuple(seats(seed, 2, place) for place in range(30)) for seed in range(100)}) == 100
