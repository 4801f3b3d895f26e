"""One reading of many token sequences: prefixes they share are computed once, several sequences in one forward pass."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from benchtui.worker.answering.hf.engine.attention import MaskStyle, distances, tree_allowed
from benchtui.worker.answering.hf.engine.backbone import Backbone
from benchtui.worker.answering.hf.engine.batching import TokenBudget, batch_sizes
from benchtui.worker.answering.hf.engine.packing import Branch, Costs, Piece, Row, plan_rows
from benchtui.worker.answering.hf.engine.prefix_cache import PrefixCache, read_prefix
from benchtui.worker.answering.hf.engine.prefix_tree import Node, Tokens, build_tree, preorder
from benchtui.worker.answering.hf.memory import does_not_fit, unless_out_of_memory
from benchtui.worker.answering.hf.timing import finished
from benchtui.worker.answering.protocol import Observer

# A cached position that a row continues from weighs this part of a computed one in the budget.
_CACHED_SHARE = 4


@dataclass(frozen=True)
class PassSetup:
    """What reading needs.

    `style` is the form of the model's masks; without it every row holds a single path, with causal attention.
    """

    backbone: Backbone
    style: MaskStyle | None
    costs: Costs
    budget: TokenBudget
    observer: Observer


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


@dataclass(frozen=True)
class Computed:
    """The hidden states [n, width] of one forward pass over `tokens` positions, padding not counted, which began at
    `began`; each of the spans `placed` in them with the row that predicts its first target."""

    hidden: torch.Tensor
    placed: Sequence[tuple[TargetSpan, int]]
    tokens: int
    began: float


@dataclass(frozen=True)
class _Batch:
    """Rows as tensors: token ids, positions and subtree ends, each [rows, longest], and the spans with their places."""

    ids: torch.Tensor
    positions: torch.Tensor
    ends: torch.Tensor
    placed: list[tuple[TargetSpan, int]]
    forks: bool
    longest: int


class TreePass:
    """Reads the inputs of queries. `begins` is called with the spans of each forward pass before it is computed."""

    def __init__(
        self, setup: PassSetup, queries: Sequence[Query], begins: Callable[[Iterable[TargetSpan]], None]
    ) -> None:
        self._setup = setup
        self._device = setup.backbone.device
        self._begins = begins
        root = build_tree([query.inputs for query in queries])
        self._spans = spans_by_node(root, queries)
        self._plan = plan_rows(root, setup.costs, packing=setup.style is not None)

    def computed(self) -> Iterator[Computed]:
        """Compute everything, one forward pass at a time. Raises `OutOfMemoryError` when one query alone does not
        fit."""
        stack: list[tuple[Branch, PrefixCache | None]] = [(self._plan, None)]
        while stack:
            branch, past = stack.pop()
            if branch.prefix:
                past, prefix = self._prefix(branch, past)
                yield prefix
                del prefix  # not to be held while its rows are computed
            yield from self._rows(branch.rows, past)
            stack.extend((below, past) for below in reversed(branch.branches))

    def _prefix(self, branch: Branch, past: PrefixCache | None) -> tuple[PrefixCache, Computed]:
        """Run a branch's own tokens, and return the cache that includes them."""
        self._begins(span for row in branch.rows for span, _ in _placed(row.pieces, 0, self._spans))
        tokens = np.concatenate([piece.node.tokens for piece in branch.prefix])
        setup, began = self._setup, finished(self._device)
        cache, hidden = read_prefix(setup.backbone, tokens, past, setup.budget, setup.observer)
        return cache, Computed(hidden, _placed(branch.prefix, 0, self._spans), len(tokens), began)

    def _rows(self, rows: Sequence[Row], past: PrefixCache | None) -> Iterator[Computed]:
        """Run rows of similar length together, longest first, as many at a time as the budget allows."""
        cached = (past.length if past is not None else 0) // _CACHED_SHARE
        waiting = sorted(rows, key=lambda row: -row.length)
        sizes: list[int] = []
        while waiting:
            sizes = sizes or self._sizes(waiting, cached)
            batch = waiting[: sizes.pop(0)]
            self._begins(span for row in batch for span, _ in _placed(row.pieces, 0, self._spans))
            tensors = self._assemble(batch)
            began = finished(self._device)
            hidden = unless_out_of_memory(functools.partial(self._forward, tensors, past), self._device)
            if hidden is None:
                waiting[: len(batch)] = self._divided(batch, batch[0].length + cached)
                sizes = []
                continue
            self._setup.observer.tokens(tensors.ids.numel())
            yield Computed(hidden.flatten(0, 1), tensors.placed, sum(row.length for row in batch), began)
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
