"""What is asked of the model, where in the tree the answers arise, and how they are put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from benchtui.worker.answering.hf.engine.prefix_tree import Node, Tokens, preorder
from benchtui.worker.answering.hf.engine.vocabulary import Scored

Answered = Callable[[int, float, bool], None]


@dataclass(frozen=True)
class Query:
    """`inputs` are what the model reads; `targets` what its last `len(targets)` positions are asked to predict."""

    inputs: Tokens
    targets: Tokens


@dataclass(frozen=True)
class Run:
    """Consecutive targets of one query that one node predicts, from `offset` tokens into the node on.

    `first` is the place of the first of them among the query's targets.
    """

    query: int
    first: int
    offset: int
    targets: Tokens


def runs_by_node(root: Node, queries: Sequence[Query]) -> dict[Node, list[Run]]:
    """Where each query's targets are predicted: a continuation may reach over several nodes of the tree."""
    runs: dict[Node, list[Run]] = {}
    for leaf in preorder(root):
        for index in leaf.sequences:
            targets = queries[index].targets
            begin = leaf.end - len(targets)  # the position that predicts the first target
            node: Node | None = leaf
            while node is not None and node.end > begin:
                first = max(node.start - begin, 0)
                run = Run(index, first, begin + first - node.start, targets[first : node.end - begin])
                runs.setdefault(node, []).append(run)
                node = node.parent
    return runs


@dataclass(frozen=True)
class _Part:
    first: int
    logprobs: torch.Tensor
    greedy: bool


class Ledger:
    """Collects the parts of each answer and passes it on when it is whole."""

    def __init__(self, queries: Sequence[Query], answered: Answered) -> None:
        self._missing = [len(query.targets) for query in queries]
        self._parts: dict[int, list[_Part]] = {}
        self._answered = answered

    def is_open(self, query: int) -> bool:
        """Whether the query has no answer yet."""
        return self._missing[query] > 0

    def record(self, runs: Sequence[Run], scored: Scored) -> None:
        """Take in the scores of `runs`, whose targets follow each other in `scored`."""
        begin = 0
        for run in runs:
            end = begin + len(run.targets)
            part = _Part(run.first, scored.logprobs[begin:end], bool(scored.greedy[begin:end].all()))
            self._parts.setdefault(run.query, []).append(part)
            self._missing[run.query] -= end - begin
            if not self._missing[run.query]:
                self._finish(run.query)
            begin = end

    def _finish(self, query: int) -> None:
        parts = sorted(self._parts.pop(query), key=lambda part: part.first)
        logprobs = parts[0].logprobs if len(parts) == 1 else torch.cat([part.logprobs for part in parts])
        self._answered(query, float(logprobs.sum()), all(part.greedy for part in parts))


@dataclass(frozen=True)
class Wanted:
    """The scores that a batch has to give: for each target its position through all rows, and its token."""

    runs: list[Run]
    positions: NDArray[np.int64]
    tokens: NDArray[np.int64]


def wanted(placed: Sequence[tuple[Run, int]]) -> Wanted | None:
    """Gather runs, each with the position of its first target; None where there are none."""
    if not placed:
        return None
    positions = [np.arange(position, position + len(run.targets)) for run, position in placed]
    tokens = [run.targets for run, _ in placed]
    return Wanted([run for run, _ in placed], np.concatenate(positions), np.concatenate(tokens).astype(np.int64))
