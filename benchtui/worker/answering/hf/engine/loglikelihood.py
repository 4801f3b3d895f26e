"""X."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchtui.worker.answering.hf.engine.attention import MaskStyle, distances, tree_allowed
from benchtui.worker.answering.hf.engine.backbone import Backbone
from benchtui.worker.answering.hf.engine.batching import TokenBudget, batch_sizes
from benchtui.worker.answering.hf.engine.output_head import OutputHead, ScoredTokens
from benchtui.worker.answering.hf.engine.packing import Branch, Costs, Piece, Row, plan_rows
from benchtui.worker.answering.hf.engine.prefix_cache import PrefixCache, read_prefix
from benchtui.worker.answering.hf.engine.prefix_tree import Node, Tokens, build_tree, preorder
from benchtui.worker.answering.hf.memory import does_not_fit, unless_out_of_memory
from benchtui.worker.answering.hf.timing import finished
from benchtui.worker.answering.protocol import Observer

# A cached position that a row continues from weighs this part of a computed one in the budget.
_CACHED_SHARE = 4


@dataclass(frozen=True)
class ScoringSetup:
    """What scoring needs.

    `style` is the form of the model's masks; without it every row holds a single path, with causal attention.
    """

    backbone: Backbone
    head: OutputHead
    style: MaskStyle | None
    costs: Costs
    budget: TokenBudget
    observer: Observer


@dataclass(frozen=True)
class _Batch:
    """Rows as tensors: token ids, positions and subtree ends, each [rows, longest], and the spans with their places."""

    ids: torch.Tensor
    positions: torch.Tensor
    ends: torch.Tensor
    placed: list[tuple[TargetSpan, int]]
    forks: bool
    longest: int


class TreeScorer:
    """Answers queries, and calls `answered(index, log-likelihood, greedy)` as soon as each is known.

    `args(index)` returns the arguments of the query's request, for the observer.
    """

    def __init__(
        self,
        setup: ScoringSetup,
        queries: Sequence[Query],
        args: Callable[[int], tuple[Any, ...]],
        answered: Answered,
    ) -> None:
        self._setup = setup
        self._device = setup.backbone.device
        self._args = args
        self._answers = AnswerCollector(queries, answered)
        root = build_tree([query.inputs for query in queries])
        self._spans = spans_by_node(root, queries)
        self._plan = plan_rows(root, setup.costs, packing=setup.style is not None)

    def run(self) -> None:
        """Compute everything. Raises `OutOfMemoryError` when one query alone does not fit."""
        stack: list[tuple[Branch, PrefixCache | None]] = [(self._plan, None)]
        while stack:
            branch, past = stack.pop()
            if branch.prefix:
                past = self._prefix(branch, past)
            self._rows(branch.rows, past)
            stack.extend((below, past) for below in reversed(branch.branches))

    def _prefix(self, branch: Branch, past: PrefixCache | None) -> PrefixCache:
        """Run a branch's own tokens, and return the cache that includes them."""
        self._announce(span for row in branch.rows for span, _ in _placed(row.pieces, 0, self._spans))
        tokens = np.concatenate([piece.node.tokens for piece in branch.prefix])
        setup, began = self._setup, finished(self._device)
        cache, hidden = read_prefix(setup.backbone, tokens, past, setup.budget, setup.observer)
        self._score(hidden, _placed(branch.prefix, 0, self._spans), len(tokens), began)
        return cache

    def _rows(self, rows: Sequence[Row], past: PrefixCache | None) -> None:
        """Run rows of similar length together, longest first, as many at a time as the budget allows."""
        cached = (past.length if past is not None else 0) // _CACHED_SHARE
        waiting = sorted(rows, key=lambda row: -row.length)
        sizes: list[int] = []
        while waiting:
            sizes = sizes or self._sizes(waiting, cached)
            batch = waiting[: sizes.pop(0)]
            self._announce(span for row in batch for span, _ in _placed(row.pieces, 0, self._spans))
            tensors = self._assemble(batch)
            began = finished(self._device)
            hidden = unless_out_of_memory(functools.partial(self._forward, tensors, past), self._device)
            if hidden is None:
                waiting[: len(batch)] = self._divided(batch, batch[0].length + cached)
                sizes = []
                continue
            self._setup.observer.tokens(tensors.ids.numel())
            self._score(hidden.flatten(0, 1), tensors.placed, sum(row.length for row in batch), began)
            waiting = waiting[len(batch) :]

    def _sizes(self, rows: Sequence[Row], cached: int) -> list[int]:
        def fits(longest: int) -> int:
            return max(1, self._setup.budget.tokens // (longest + cached))

        return batch_sizes([row.length for row in rows], fits, self._setup.costs.forward)

    def _divided(self, batch: Sequence[Row], cost: int) -> list[Row]:
        """Return what to try after a batch did not fit: fewer rows at a time, then single paths."""
        self._setup.budget.halve(cost * len(batch))
        if len(batch) > 1:
            return list(batch)
        chains = batch[0].chains()
        if len(chains) == 1:
            raise does_not_fit(cost, self._device)
        return sorted(chains, key=lambda row: -row.length)

    def _assemble(self, rows: Sequence[Row]) -> _Batch:
        width = rows[0].length
        ids = np.zeros((len(rows), width), dtype=np.int64)
        positions = np.zeros((len(rows), width), dtype=np.int64)
        # Padding comes last in a row and attends to itself alone.
        ends = np.tile(np.arange(1, width + 1), (len(rows), 1))
        placed: list[tuple[TargetSpan, int]] = []
        for index, row in enumerate(rows):
            for piece in row.pieces:
                columns = slice(piece.column, piece.column + len(piece.node.tokens))
                ids[index, columns] = piece.node.tokens
                positions[index, columns] = np.arange(piece.node.start, piece.node.end)
                ends[index, columns] = piece.end
            placed.extend(_placed(row.pieces, index * width, self._spans))
        forks, longest = not all(row.is_chain for row in rows), int(positions.max())
        on_device = [torch.from_numpy(array).to(self._device) for array in (ids, positions, ends)]
        return _Batch(on_device[0], on_device[1], on_device[2], placed, forks, longest)

    def _forward(self, batch: _Batch, past: PrefixCache | None) -> torch.Tensor:
        style = self._setup.style
        if style is None or not batch.forks:
            return self._setup.backbone.hidden(batch.ids, cache=past)
        allowed, keys = tree_allowed(batch.ends), batch.positions
        if past is not None:
            rows, width = batch.ids.shape
            allowed = torch.cat([allowed.new_ones((rows, width, past.length)), allowed], dim=-1)
            before = torch.arange(past.length, device=self._device).expand(rows, -1)
            keys = torch.cat([before, keys], dim=-1)
        mask = style.mask(allowed, distances(batch.positions, keys), batch.longest)
        return self._setup.backbone.hidden(batch.ids, batch.positions, mask, past)

    def _score(self, hidden: torch.Tensor, placed: Sequence[tuple[TargetSpan, int]], tokens: int, began: float) -> None:
        """Score what a pass over `tokens`, which began at `began`, has computed."""
        targets = gather_targets(placed)
        head = self._setup.head
        scored = head.score(hidden, targets.positions, targets.tokens) if targets is not None else None
        self._setup.observer.prefilled(tokens, finished(self._device) - began)
        if targets is not None and scored is not None:
            self._answers.record(targets.spans, scored)

    def _announce(self, spans: Iterable[TargetSpan]) -> None:
        open_queries = {span.query: None for span in spans if self._answers.is_open(span.query)}
        if open_queries:
            self._setup.observer.batch_started([self._args(query) for query in open_queries])


def _placed(
    pieces: Iterable[Piece], first: int, spans: Mapping[Node, Sequence[TargetSpan]]
) -> list[tuple[TargetSpan, int]]:
    """Return the spans scored in `pieces`, each with its first position; the row begins at position `first`."""
    return [
        (span, first + piece.column + span.offset)
        for piece in pieces
        if piece.scored
        for span in spans.get(piece.node, ())
    ]


Answered = Callable[[int, float, bool], None]


@dataclass(frozen=True)
class Query:
    """`inputs` are the tokens that the model reads; `targets` are what its last `len(targets)` positions predict."""

    inputs: Tokens
    targets: Tokens


@dataclass(frozen=True)
class TargetSpan:
    """Consecutive targets of one query that one node predicts, from the node's token `offset` on.

    `first` is the index of the first of them among the query's targets.
    """

    query: int
    first: int
    offset: int
    targets: Tokens


def spans_by_node(root: Node, queries: Sequence[Query]) -> dict[Node, list[TargetSpan]]:
    """Find the nodes that predict each query's targets: a continuation may reach over several nodes of the tree."""
    spans: dict[Node, list[TargetSpan]] = {}
    for leaf in preorder(root):
        for index in leaf.sequences:
            targets = queries[index].targets
            begin = leaf.end - len(targets)  # the position that predicts the first target
            node: Node | None = leaf
            while node is not None and node.end > begin:
                first = max(node.start - begin, 0)
                span = TargetSpan(index, first, begin + first - node.start, targets[first : node.end - begin])
                spans.setdefault(node, []).append(span)
                node = node.parent
    return spans


@dataclass(frozen=True)
class _Part:
    first: int
    logprobs: torch.Tensor
    greedy: bool


class AnswerCollector:
    """Collects the parts of each answer, and calls `answered` when they are complete."""

    def __init__(self, queries: Sequence[Query], answered: Answered) -> None:
        self._missing = [len(query.targets) for query in queries]
        self._parts: dict[int, list[_Part]] = {}
        self._answered = answered

    def is_open(self, query: int) -> bool:
        """Whether the query has no answer yet."""
        return self._missing[query] > 0

    def record(self, spans: Sequence[TargetSpan], scored: ScoredTokens) -> None:
        """Add the scores of `spans`, whose targets follow each other in `scored`."""
        begin = 0
        for span in spans:
            end = begin + len(span.targets)
            part = _Part(span.first, scored.logprobs[begin:end], bool(scored.greedy[begin:end].all()))
            self._parts.setdefault(span.query, []).append(part)
            self._missing[span.query] -= end - begin
            if not self._missing[span.query]:
                self._finish(span.query)
            begin = end

    def _finish(self, query: int) -> None:
        parts = sorted(self._parts.pop(query), key=lambda part: part.first)
        logprobs = parts[0].logprobs if len(parts) == 1 else torch.cat([part.logprobs for part in parts])
        self._answered(query, float(logprobs.sum()), all(part.greedy for part in parts))


@dataclass(frozen=True)
class TargetBatch:
    """The scores that a batch must compute: each target's position in the flattened rows, and its token."""

    spans: list[TargetSpan]
    positions: NDArray[np.int64]
    tokens: NDArray[np.int64]


def gather_targets(placed: Sequence[tuple[TargetSpan, int]]) -> TargetBatch | None:
    """Join spans, each with the position of its first target; None where there are none."""
    if not placed:
        return None
    positions = [np.arange(position, position + len(span.targets)) for span, position in placed]
    tokens = [span.targets for span, _ in placed]
    return TargetBatch([span for span, _ in placed], np.concatenate(positions), np.concatenate(tokens).astype(np.int64))
