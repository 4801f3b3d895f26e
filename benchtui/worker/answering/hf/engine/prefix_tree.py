"""A radix tree of token sequences: each prefix that they share is one node."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.int32]


@dataclass(eq=False)
class Node:
    """Consecutive tokens that every sequence below the node shares.

    `start` is the position of its first token, `sequences` are the indices of those that end with its last token,
    `size` counts the tokens of the node and of everything below it.
    """

    tokens: Tokens
    start: int
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)
    sequences: list[int] = field(default_factory=list)
    size: int = 0

    @property
    def end(self) -> int:
        """The position after the node's last token."""
        return self.start + len(self.tokens)


def build_tree(sequences: Sequence[Tokens]) -> Node:
    """Build the radix tree of `sequences`: each distinct prefix occurs once. The root holds no tokens.

    The tree depends on the set of sequences alone, not on their order.
    """
    root = Node(np.zeros(0, dtype=np.int32), 0)
    node, previous = root, root.tokens
    for index in _sorted(sequences):
        tokens = sequences[index]
        shared = _shared_length(previous, tokens)
        while node.start >= shared and node.parent is not None:
            node = node.parent
        if node.end > shared:
            _split(node, shared)
        if shared < len(tokens):
            child = Node(tokens[shared:], shared, parent=node)
            node.children.append(child)
            node = child
        node.sequences.append(index)
        previous = tokens
    _measure(root)
    return root


def preorder(root: Node) -> Iterator[Node]:
    """Yield every node, parents before children, children in order; without recursion, since trees can be deep."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(node.children))


def _sorted(sequences: Sequence[Tokens]) -> list[int]:
    # Big-endian bytes compare like the numbers themselves, and in C: few-shot prompts share hundreds of tokens.
    keys = [tokens.astype(">i4").tobytes() for tokens in sequences]
    return sorted(range(len(keys)), key=keys.__getitem__)


def _shared_length(left: Tokens, right: Tokens) -> int:
    shortest = min(len(left), len(right))
    differs = left[:shortest] != right[:shortest]
    return int(differs.argmax()) if differs.any() else shortest


def _split(node: Node, position: int) -> None:
    """Cut `node` at `position`: it keeps what comes before, a new only child takes the rest."""
    cut = position - node.start
    lower = Node(node.tokens[cut:], position, node, node.children, node.sequences)
    for child in lower.children:
        child.parent = lower
    node.tokens, node.children, node.sequences = node.tokens[:cut], [lower], []


def _measure(root: Node) -> None:
    for node in reversed(list(preorder(root))):
        node.size = len(node.tokens) + sum(child.size for child in node.children)
