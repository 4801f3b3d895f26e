"""Prefix trees and plans: every token of every sequence is computed, what is shared is shared, once is once."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchtui.worker.answering.hf.engine.batching import batch_sizes
from benchtui.worker.answering.hf.engine.packing import Branch, Costs, Piece, plan_rows
from benchtui.worker.answering.hf.engine.prefix_tree import Node, Tokens, build_tree, preorder
from benchtui.worker.answering.hf.engine.prompt_groups import prompt_pools

# Few different tokens, so that prefixes are shared; some large ones, whose bytes do not sort like small ones.
SEQUENCES = st.lists(
    st.lists(st.sampled_from([0, 1, 2, 255, 256, 70000]), min_size=1, max_size=9), min_size=1, max_size=24
)
COSTS = st.builds(Costs, st.floats(0, 1), st.floats(0, 20), st.floats(0, 1))


def arrays(sequences: list[list[int]]) -> list[Tokens]:
    return [np.asarray(tokens, dtype=np.int32) for tokens in sequences]


def path(node: Node) -> list[int]:
    above = path(node.parent) if node.parent else []
    return [*above, *node.tokens.tolist()]


def branches(top: Branch) -> list[tuple[Branch, int, int]]:
    """Every branch, with the positions that are cached when its prefix runs and when its rows run."""
    found, stack = [], [(top, 0)]
    while stack:
        branch, before = stack.pop()
        after = before + sum(len(piece.node.tokens) for piece in branch.prefix)
        found.append((branch, before, after))
        stack.extend((below, after) for below in branch.branches)
    return found


@given(SEQUENCES)
def test_a_tree_holds_each_sequence_once_at_its_end(sequences: list[list[int]]) -> None:
    ends = {index: path(node) for node in preorder(build_tree(arrays(sequences))) for index in node.sequences}
    assert ends == dict(enumerate(sequences))


@given(SEQUENCES)
def test_a_tree_holds_each_distinct_prefix_once(sequences: list[list[int]]) -> None:
    prefixes = {tuple(tokens[: length + 1]) for tokens in sequences for length in range(len(tokens))}
    assert build_tree(arrays(sequences)).size == len(prefixes)


@given(SEQUENCES, st.randoms(use_true_random=False))
def test_a_tree_does_not_depend_on_the_order(sequences: list[list[int]], chance: object) -> None:
    def shape(order: list[list[int]]) -> list[tuple[list[int], int]]:
        return [(path(node), len(node.sequences)) for node in preorder(build_tree(arrays(order)))]

    mixed = list(sequences)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    assert shape(mixed) == shape(sequences)


def check_pieces(pieces: tuple[Piece, ...], past: int) -> None:
    """Pieces fill their row without gaps, and each lies behind its parent, be that in the row or in the cache."""
    assert pieces[0].column == 0
    assert pieces[0].node.start == past
    assert all(b.column == a.column + len(a.node.tokens) for a, b in pairwise(pieces))
    for piece in pieces[1:]:
        parents = [other for other in pieces if other.node is piece.node.parent]
        assert parents or piece.node.start == past
        assert all(parent.column < piece.column < parent.end and piece.end <= parent.end for parent in parents)


@given(SEQUENCES, COSTS, st.booleans())
def test_a_plan_scores_every_node_once(sequences: list[list[int]], costs: Costs, packing: bool) -> None:
    root = build_tree(arrays(sequences))
    scored: Counter[Node] = Counter()
    for branch, before, after in branches(plan_rows(root, costs, packing)):
        if branch.prefix:
            check_pieces(branch.prefix, before)
        for row in branch.rows:
            check_pieces(row.pieces, after)
            assert packing or row.is_chain
        for pieces in (branch.prefix, *(row.pieces for row in branch.rows)):
            scored.update(piece.node for piece in pieces if piece.scored)
    assert scored == Counter(node for node in preorder(root) if len(node.tokens))


@given(SEQUENCES)
def test_a_packed_row_divides_into_paths_that_score_the_same(sequences: list[list[int]]) -> None:
    root = build_tree(arrays([[9, *tokens] for tokens in sequences]))
    (row,) = plan_rows(root, Costs(0, 1e9, 0)).rows
    chains = row.chains()
    assert all(chain.is_chain for chain in chains)
    scored = Counter(piece.node for chain in chains for piece in chain.pieces if piece.scored)
    assert scored == Counter(piece.node for piece in row.pieces)


def test_a_few_shot_block_is_kept_and_short_endings_are_packed() -> None:
    block = list(range(100, 700))
    questions = [[block + [number] * 50 + [1000 + ending] * 8 for ending in range(4)] for number in range(20)]
    work = plan_rows(build_tree(arrays([tokens for group in questions for tokens in group])), Costs(5e-4, 64, 2e-4))
    (kept,) = work.branches
    assert kept.prefix[-1].node.end == 600
    assert len(kept.rows) == 20
    assert {row.length for row in kept.rows} == {50 + 4 * 8}


def test_chains_of_prefixes_thousands_long_are_no_problem() -> None:
    text = np.arange(3000, dtype=np.int32)
    sequences = [text[:length] for length in range(1, 3000)]
    root = build_tree(sequences)
    assert root.size == 2999
    assert sum(row.length for row in plan_rows(root, Costs(0, 1e9, 0)).rows) == 2999


@given(SEQUENCES, st.floats(0, 8), st.integers(1, 8))
def test_every_prompt_is_in_one_pool_behind_its_own_prefix(
    sequences: list[list[int]], forward: float, slots: int
) -> None:
    prompts = arrays(sequences)
    found = prompt_pools(prompts, Costs(0, forward, 0), slots)
    members = [(pool, group, index) for pool in found for group, index in pool.members]
    assert sorted(index for _, _, index in members) == list(range(len(prompts)))
    for pool, group, index in members:
        prompt = prompts[index].tolist()
        assert prompt[: len(group.tokens)] == group.tokens.tolist()
        assert group.tokens.tolist()[: len(pool.root.tokens)] == pool.root.tokens.tolist()
        assert len(prompt) > len(group.tokens)  # something is left from which generation begins


def cost(lengths: list[int], sizes: list[int], forward: float) -> float:
    begins = [sum(sizes[:index]) for index in range(len(sizes))]
    return sum(size * lengths[begin] + forward for begin, size in zip(begins, sizes, strict=True))


@given(st.lists(st.integers(1, 60), min_size=1, max_size=40), st.floats(0, 100), st.integers(1, 200))
def test_batches_cover_the_rows_within_the_budget(lengths: list[int], forward: float, budget: int) -> None:
    lengths.sort(reverse=True)
    sizes = batch_sizes(lengths, lambda longest: max(1, budget // longest), forward)
    assert sum(sizes) == len(lengths)
    assert min(sizes) > 0
    for index, size in enumerate(sizes):
        assert size == 1 or size * lengths[sum(sizes[:index])] <= budget


@given(st.lists(st.integers(1, 9), min_size=1, max_size=9), st.floats(0, 30))
def test_batches_cost_no_more_than_simpler_ones(lengths: list[int], forward: float) -> None:
    lengths.sort(reverse=True)
    sizes = batch_sizes(lengths, lambda _: 5, forward)
    simple = [[5] * (len(lengths) // 5) + ([len(lengths) % 5] if len(lengths) % 5 else []), [1] * len(lengths)]
    assert cost(lengths, sizes, forward) <= min(cost(lengths, other, forward) for other in simple[1:]) + 1e-6


def test_padding_is_weighed_against_forwards() -> None:
    lengths = [100] * 3 + [20] * 10
    assert batch_sizes(lengths, lambda _: 50, forward=10) == [3, 10]
    assert batch_sizes(lengths, lambda _: 50, forward=5000) == [13]
