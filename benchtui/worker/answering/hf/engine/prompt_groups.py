"""Groups prompts by common prefixes: which prefixes are run once, and which prompts are generated together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchtui.worker.answering.hf.engine.packing import Costs
from benchtui.worker.answering.hf.engine.prefix_tree import Node, Tokens, build_tree, preorder

# A common prefix with fewer tokens is copied into every row, not shared by attention.
_LEAST_SHARED = 64


@dataclass(eq=False)
class PromptGroup:
    """A prefix that is run once: all its `tokens`, the `prompts` that continue it, and the groups with longer prefixes.

    `count` is the number of prompts in this group and below.
    """

    tokens: Tokens
    parent: PromptGroup | None = None
    prompts: list[int] = field(default_factory=list)
    children: list[PromptGroup] = field(default_factory=list)
    count: int = 0

    def all(self) -> Iterator[PromptGroup]:
        """Yield this group and all groups below it."""
        stack = [self]
        while stack:
            group = stack.pop()
            yield group
            stack.extend(reversed(group.children))


@dataclass(frozen=True)
class PromptPool:
    """Prompts that are generated in one batch, in this order; all of them continue the prefix of `root`."""

    root: PromptGroup
    members: tuple[tuple[PromptGroup, int], ...]


def prompt_pools(prompts: Sequence[Tokens], costs: Costs, slots: int) -> list[PromptPool]:
    """Group prompts so that long common prefixes are run once, and are read once at each decoding step.

    A group becomes a pool of its own when it has enough prompts to fill `slots` rows twice, or most of its pool's.
    """
    top = _prompt_groups(prompts, costs)
    found: list[PromptPool] = []
    stack = [(top, _OpenPool(top))]
    opened = [stack[0][1]]
    while stack:
        group, pool = stack.pop()
        enough = group.count >= 2 * slots or group.count > 0.8 * pool.root.count
        if group is not pool.root and len(group.tokens) >= _LEAST_SHARED and enough:
            pool = _OpenPool(group)
            opened.append(pool)
        pool.members.extend((group, prompt) for prompt in sorted(group.prompts, key=lambda p: -len(prompts[p])))
        stack.extend((below, pool) for below in reversed(group.children))
    found.extend(PromptPool(pool.root, tuple(pool.members)) for pool in opened if pool.members)
    return found


def joining(root: PromptGroup, prompts: Sequence[Tokens], costs: Costs) -> list[tuple[PromptGroup, int]]:
    """Return which of further `prompts` can be generated in the pool of `root`, in this order, each with its group: all
    that continue the prefix of `root`. Groups that the pool has already are used again."""
    within = [index for index, prompt in enumerate(prompts) if _continues(prompt, root.tokens)]
    grouped = _grouped([prompts[index] for index in within], costs, root)
    return [
        (group, within[place])
        for group, places in grouped.items()
        for place in sorted(places, key=lambda place: -len(prompts[within[place]]))
    ]


def _continues(prompt: Tokens, prefix: Tokens) -> bool:
    return len(prompt) > len(prefix) and bool((prompt[: len(prefix)] == prefix).all())


@dataclass(eq=False)
class _OpenPool:
    root: PromptGroup
    members: list[tuple[PromptGroup, int]] = field(default_factory=list)


def _prompt_groups(prompts: Sequence[Tokens], costs: Costs) -> PromptGroup:
    top = PromptGroup(np.zeros(0, dtype=np.int32), count=len(prompts))
    for group, members in _grouped(prompts, costs, top).items():
        group.prompts = members
    return top


def _grouped(prompts: Sequence[Tokens], costs: Costs, top: PromptGroup) -> dict[PromptGroup, list[int]]:
    """The prompts, all of which continue the prefix of `top`, by their groups, which are `top` and groups below it."""
    # The last token of a prompt is run in the prompt's own row: its logits give the first generated token.
    root = build_tree([prompt[:-1] for prompt in prompts])
    counts = _counts(root)
    grouped: dict[PromptGroup, list[int]] = {}
    stack = [(root, top)]
    while stack:
        node, group = stack.pop()
        count, added = counts[node], node.end - len(group.tokens)
        if added * (count - 1) > 2 * costs.forward:
            group = _with_node(group, node, count)
        grouped.setdefault(group, []).extend(node.sequences)
        stack.extend((child, group) for child in reversed(node.children))
    return grouped


def _with_node(group: PromptGroup, node: Node, count: int) -> PromptGroup:
    pieces: list[Tokens] = []
    at: Node | None = node
    while at is not None:
        pieces.append(at.tokens)
        at = at.parent
    tokens = np.concatenate(pieces[::-1])
    known = next((child for child in group.children if np.array_equal(child.tokens, tokens)), None)
    if known is not None:
        return known
    longer = PromptGroup(tokens, group, count=count)
    group.children.append(longer)
    return longer


def _counts(root: Node) -> dict[Node, int]:
    counts: dict[Node, int] = {}
    for node in reversed(list(preorder(root))):
        counts[node] = len(node.sequences) + sum(counts[child] for child in node.children)
    return counts
