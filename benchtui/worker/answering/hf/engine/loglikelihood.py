"""Log-likelihoods of continuations, computed over the tree of prefixes that the requests share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from benchtui.worker.answering.hf.engine.backbone import Backbone
from benchtui.worker.answering.hf.engine.batching import batch_sizes
from benchtui.worker.answering.hf.engine.budget import TokenBudget
from benchtui.worker.answering.hf.engine.kv_cache import PrefixCache
from benchtui.worker.answering.hf.engine.masks import MaskStyle, distances, tree_allowed
from benchtui.worker.answering.hf.engine.memory import OutOfMemory, unless_out_of_memory
from benchtui.worker.answering.hf.engine.observer import Observer
from benchtui.worker.answering.hf.engine.plan import Branch, Costs, Piece, Row, plan
from benchtui.worker.answering.hf.engine.prefill import read_prefix
from benchtui.worker.answering.hf.engine.prefix_tree import Node, build_tree
from benchtui.worker.answering.hf.engine.queries import Answered, Ledger, Query, Run, runs_by_node, wanted
from benchtui.worker.answering.hf.engine.vocabulary import Vocabulary

# A cached position that a row continues from weighs this part of a computed one in the budget.
_CACHED_SHARE = 4


@dataclass(frozen=True)
class Setup:
    """What scoring needs.

    `style` says how the model takes masks; without it every row holds a single path under plain causal attention.
    """

    backbone: Backbone
    vocabulary: Vocabulary
    style: MaskStyle | None
    costs: Costs
    budget: TokenBudget
    observer: Observer


@dataclass(frozen=True)
class _Batch:
    """Rows as tensors: token ids, positions and subtree ends, each [rows, longest], and the runs with their places."""

    ids: torch.Tensor
    positions: torch.Tensor
    ends: torch.Tensor
    placed: list[tuple[Run, int]]
    forks: bool
    longest: int


class TreeScorer:
    """Answers queries, calling `answered(index, log-likelihood, greedy)` as soon as each is known.

    `args(index)` are what the observer is told of a query in flight.
    """

    def __init__(
        self,
        setup: Setup,
        queries: Sequence[Query],
        args: Callable[[int], tuple[Any, ...]],
        answered: Answered,
    ) -> None:
        self._setup = setup
        self._device = setup.backbone.device
        self._args = args
        self._ledger = Ledger(queries, answered)
        root = build_tree([query.inputs for query in queries])
        self._runs = runs_by_node(root, queries)
        self._plan = plan(root, setup.costs, packing=setup.style is not None)

    def run(self) -> None:
        """Compute everything. Raises `OutOfMemory` when one query alone does not fit."""
        stack: list[tuple[Branch, PrefixCache | None]] = [(self._plan, None)]
        while stack:
            branch, past = stack.pop()
            if branch.prefix:
                past = self._prefix(branch, past)
            self._rows(branch.rows, past)
            stack.extend((below, past) for below in reversed(branch.branches))

    def _prefix(self, branch: Branch, past: PrefixCache | None) -> PrefixCache:
        """Run a branch's own tokens and keep their cache."""
        self._announce(run for row in branch.rows for run, _ in _placed(row.pieces, 0, self._runs))
        tokens = np.concatenate([piece.node.tokens for piece in branch.prefix])
        setup = self._setup
        cache, hidden = read_prefix(setup.backbone, tokens, past, setup.budget, setup.observer)
        self._score(hidden, _placed(branch.prefix, 0, self._runs))
        return cache

    def _rows(self, rows: Sequence[Row], past: PrefixCache | None) -> None:
        """Run rows of like length together, longest first, as many at a time as the budget allows."""
        cached = (past.length if past is not None else 0) // _CACHED_SHARE
        waiting = sorted(rows, key=lambda row: -row.length)
        sizes: list[int] = []
        while waiting:
            sizes = sizes or self._sizes(waiting, cached)
            batch = waiting[: sizes.pop(0)]
            self._announce(run for row in batch for run, _ in _placed(row.pieces, 0, self._runs))
            tensors = self._assemble(batch)
            hidden = unless_out_of_memory(functools.partial(self._forward, tensors, past), self._device)
            if hidden is None:
                waiting[: len(batch)] = self._divided(batch, batch[0].length + cached)
                sizes = []
                continue
            self._setup.observer.tokens(tensors.ids.numel())
            self._score(hidden.flatten(0, 1), tensors.placed)
            waiting = waiting[len(batch) :]

    def _sizes(self, rows: Sequence[Row], cached: int) -> list[int]:
        def fits(longest: int) -> int:
            return max(1, self._setup.budget.tokens // (longest + cached))

        return batch_sizes([row.length for row in rows], fits, self._setup.costs.forward)

    def _divided(self, batch: Sequence[Row], cost: int) -> list[Row]:
        """What to try instead of a batch that did not fit: fewer rows at a time, then single paths."""
        self._setup.budget.halve(cost * len(batch))
        if len(batch) > 1:
            return list(batch)
        chains = batch[0].chains()
        if len(chains) == 1:
            raise OutOfMemory(cost, self._device)
        return sorted(chains, key=lambda row: -row.length)

    def _assemble(self, rows: Sequence[Row]) -> _Batch:
        width = rows[0].length
        ids = np.zeros((len(rows), width), dtype=np.int64)
        positions = np.zeros((len(rows), width), dtype=np.int64)
        # Padding comes last in a row and sees itself alone.
        ends = np.tile(np.arange(1, width + 1), (len(rows), 1))
        placed: list[tuple[Run, int]] = []
        for index, row in enumerate(rows):
            for piece in row.pieces:
                columns = slice(piece.column, piece.column + len(piece.node.tokens))
                ids[index, columns] = piece.node.tokens
                positions[index, columns] = np.arange(piece.node.start, piece.node.end)
                ends[index, columns] = piece.end
            placed.extend(_placed(row.pieces, index * width, self._runs))
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

    def _score(self, hidden: torch.Tensor, placed: Sequence[tuple[Run, int]]) -> None:
        asked = wanted(placed)
        if asked is not None:
            self._ledger.record(asked.runs, self._setup.vocabulary.score(hidden, asked.positions, asked.tokens))

    def _announce(self, runs: Iterable[Run]) -> None:
        open_queries = {run.query: None for run in runs if self._ledger.is_open(run.query)}
        if open_queries:
            self._setup.observer.batch_started([self._args(query) for query in open_queries])


def _placed(pieces: Iterable[Piece], first: int, runs: Mapping[Node, Sequence[Run]]) -> list[tuple[Run, int]]:
    """The runs that are scored in `pieces`, each with its first position, where the row begins at `first`."""
    return [
        (run, first + piece.column + run.offset) for piece in pieces if piece.scored for run in runs.get(piece.node, ())
    ]
