"""Which parts of the prompts are read once for many, and which prompts are generated together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchtui.worker.answering.hf.engine.plan import Costs
from benchtui.worker.answering.hf.engine.prefix_tree import Node, Tokens, build_tree, preorder

# A common prefix shorter than this is copied into every row rather than attended to in common.
_WORTH_SHARING = 64


@dataclass(eq=False)
class Trunk:
    """A prefix that is read once: its `tokens` from the first, the prompts that continue it, and longer trunks."""

    tokens: Tokens
    above: Trunk | None = None
    prompts: list[int] = field(default_factory=list)
    below: list[Trunk] = field(default_factory=list)
    count: int = 0

    def all(self) -> Iterator[Trunk]:
        """This trunk and everything below it."""
        stack = [self]
        while stack:
            trunk = stack.pop()
            yield trunk
            stack.extend(reversed(trunk.below))


@dataclass(frozen=True)
class Pool:
    """Prompts that are generated side by side, all continuing `root`, in the order in which they are begun."""

    root: Trunk
    members: tuple[tuple[Trunk, int], ...]


def pools(prompts: Sequence[Tokens], costs: Costs, slots: int) -> list[Pool]:
    """Arrange prompts so that long common prefixes are read once, also at every step of the generation.

    A trunk makes a pool of its own when it has prompts enough to keep `slots` rows busy, or most of those there are.
    """
    top = _trunks(prompts, costs)
    found: list[Pool] = []
    stack = [(top, _Open(top))]
    opened = [stack[0][1]]
    while stack:
        trunk, pool = stack.pop()
        enough = trunk.count >= 2 * slots or trunk.count > 0.8 * pool.root.count
        if trunk is not pool.root and len(trunk.tokens) >= _WORTH_SHARING and enough:
            pool = _Open(trunk)
            opened.append(pool)
        pool.members.extend((trunk, prompt) for prompt in sorted(trunk.prompts, key=lambda p: -len(prompts[p])))
        stack.extend((below, pool) for below in reversed(trunk.below))
    found.extend(Pool(pool.root, tuple(pool.members)) for pool in opened if pool.members)
    return found


@dataclass(eq=False)
class _Open:
    root: Trunk
    members: list[tuple[Trunk, int]] = field(default_factory=list)


def _trunks(prompts: Sequence[Tokens], costs: Costs) -> Trunk:
    # The last token of a prompt is read in the prompt's own row, for it is there that generation begins.
    root = build_tree([prompt[:-1] for prompt in prompts])
    counts = _counts(root)
    top = Trunk(root.tokens, count=counts[root])
    stack = [(root, top)]
    while stack:
        node, trunk = stack.pop()
        count, fresh = counts[node], node.end - len(trunk.tokens)
        if fresh * (count - 1) > 2 * costs.forward:
            trunk = _grown(trunk, node, count)
        trunk.prompts.extend(node.sequences)
        stack.extend((child, trunk) for child in reversed(node.children))
    return top


def _grown(trunk: Trunk, node: Node, count: int) -> Trunk:
    pieces: list[Tokens] = []
    above: Node | None = node
    while above is not None:
        pieces.append(above.tokens)
        above = above.parent
    longer = Trunk(np.concatenate(pieces[::-1]), trunk, count=count)
    trunk.below.append(longer)
    return longer


def _counts(root: Node) -> dict[Node, int]:
    counts: dict[Node, int] = {}
    for node in reversed(list(preorder(root))):
        counts[node] = len(node.sequences) + sum(counts[child] for child in node.children)
    return counts
