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
# While fewer forward passes than this could hold all that waits, more is taken as it arrives: rows are divided into
# passes by their length, and few rows of each length fill none.
_LEAST_WAITING = 2


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

    def continues(self, prefix: Tokens) -> bool:
        """Whether all that its targets depend on beside `prefix` comes behind it."""
        shared = len(prefix)
        return len(self.inputs) - len(self.targets) >= shared and bool((self.inputs[:shared] == prefix).all())


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


Arriving = Callable[[], Sequence[Query]]
"""Returns the queries that have come since it was called last."""


@dataclass(frozen=True)
class _Step:
    """What is to be computed of a branch behind `prefix`, whose cache is `past`: its rows alone, or all of it."""

    branch: Branch
    past: PrefixCache | None
    prefix: Tokens
    rows_alone: bool = False


class TreePass:
    """Reads the inputs of queries. `begins` is called with the spans of each forward pass before it is computed.

    `arriving` is asked for more queries as long as few are left: those that continue the prefix of the rows in hand are
    computed with them, in the same passes.
    """

    def __init__(
        self,
        setup: PassSetup,
        queries: Sequence[Query],
        begins: Callable[[Iterable[TargetSpan]], None],
        arriving: Arriving | None = None,
    ) -> None:
        self._setup = setup
        self._device = setup.backbone.device
        self._begins = begins
        self._arriving = arriving
        self._numbered = dict(enumerate(queries))
        self._known = len(queries)
        self._spans: dict[Node, list[TargetSpan]] = {}

    def computed(self) -> Iterator[Computed]:
        """Compute everything, one forward pass at a time. Raises `OutOfMemoryError` when one query alone does not
        fit."""
        nothing = np.zeros(0, dtype=np.int32)
        while self._numbered:
            numbered, self._numbered = self._numbered, {}
            yield from self._steps(_Step(self._planned(numbered, nothing), None, nothing), fed=True)

    def _planned(self, numbered: Mapping[int, Query], prefix: Tokens) -> Branch:
        """Plan how to compute queries, by their numbers, all of which continue `prefix`."""
        numbers, queries = list(numbered), list(numbered.values())
        root = build_tree([query.inputs for query in queries], len(prefix))
        self._spans.update(spans_by_node(root, queries, numbers))
        return plan_rows(root, self._setup.costs, packing=self._setup.style is not None)

    def _steps(self, first: _Step, *, fed: bool) -> Iterator[Computed]:
        """Compute all of a branch. Where it is `fed`, what arrives is computed with the rows that come last."""
        stack = [first]
        while stack:
            step = stack.pop()
            if step.rows_alone:
                yield from self._rows(step, fed=fed and not stack)
                continue
            branch, past, prefix = step.branch, step.past, step.prefix
            if branch.prefix:
                past, own = self._prefix(branch, past)
                yield own
                del own  # not to be held while its rows are computed
                prefix = np.concatenate([prefix, *(piece.node.tokens for piece in branch.prefix)])
            stack.extend(reversed(self._in_order(branch, past, prefix, fed=fed)))

    def _in_order(self, branch: Branch, past: PrefixCache | None, prefix: Tokens, *, fed: bool) -> list[_Step]:
        """The steps behind a branch's own prefix: rows first; but where more may arrive, that comes last which most of
        it will continue."""
        rows = _Step(branch, past, prefix, rows_alone=True)
        below = [_Step(part, past, prefix) for part in branch.branches]
        if not fed or self._arriving is None:
            return [rows, *below]
        sizes = [part.prefix[-1].node.size for part in branch.branches]
        most = max(range(len(sizes)), key=sizes.__getitem__, default=None)
        if most is None or sizes[most] < sum(sizes) - sizes[most] + sum(row.length for row in branch.rows):
            return [*below, rows]
        return [rows, *below[:most], *below[most + 1 :], below[most]]

    def _prefix(self, branch: Branch, past: PrefixCache | None) -> tuple[PrefixCache, Computed]:
        """Run a branch's own tokens, and return the cache that includes them."""
        self._begins(span for row in branch.rows for span, _ in _placed(row.pieces, 0, self._spans))
        tokens = np.concatenate([piece.node.tokens for piece in branch.prefix])
        setup, began = self._setup, finished(self._device)
        cache, hidden = read_prefix(setup.backbone, tokens, past, setup.budget, setup.observer)
        return cache, Computed(hidden, _placed(branch.prefix, 0, self._spans), len(tokens), began)

    def _rows(self, step: _Step, *, fed: bool) -> Iterator[Computed]:
        """Run rows of similar length together, longest first, as many at a time as the budget allows. Once more have
        arrived those come first that have waited longest."""
        past = step.past
        cached = (past.length if past is not None else 0) // _CACHED_SHARE
        batches = self._batches(step.branch.rows, cached)
        while True:
            waiting = [row for batch in batches for row in batch]
            while fed and self._few_left(waiting, cached) and (arrived := self._arrived(step.prefix)):
                for branch in arrived.branches:
                    yield from self._steps(_Step(branch, past, step.prefix), fed=False)
                waiting += arrived.rows
                batches = sorted(self._batches(waiting, cached), key=self._oldest)
            if not batches:
                return
            batch = batches.pop(0)
            self._begins(span for row in batch for span, _ in _placed(row.pieces, 0, self._spans))
            tensors = self._assemble(batch)
            began = finished(self._device)
            hidden = unless_out_of_memory(functools.partial(self._forward, tensors, past), self._device)
            if hidden is None:
                again = self._divided(batch, batch[0].length + cached)
                rest = [row for other in batches for row in other]
                batches = self._batches([*again, *rest], cached, first=again)
                continue
            self._setup.observer.tokens(tensors.ids.numel())
            yield Computed(hidden.flatten(0, 1), tensors.placed, sum(row.length for row in batch), began)

    def _oldest(self, batch: Sequence[Row]) -> int:
        spans = (span for row in batch for piece in row.pieces for span in self._spans.get(piece.node, ()))
        return min((span.query for span in spans), default=0)

    def _few_left(self, rows: Sequence[Row], cached: int) -> bool:
        return sum(row.length + cached for row in rows) < _LEAST_WAITING * self._setup.budget.tokens

    def _arrived(self, prefix: Tokens) -> Branch | None:
        """The plan for queries that have arrived and continue `prefix`. Others are for later, and nothing more is taken
        once those would fill a pass."""
        later = sum(len(query.inputs) for query in self._numbered.values())
        while self._arriving is not None and later < self._setup.budget.tokens and (queries := self._arriving()):
            numbered = dict(enumerate(queries, self._known))
            self._known += len(queries)
            joining = {number: query for number, query in numbered.items() if query.continues(prefix)}
            self._numbered |= {number: query for number, query in numbered.items() if number not in joining}
            if joining:
                return self._planned(joining, prefix)
            later += sum(len(query.inputs) for query in queries)
        return None

    def _batches(self, rows: Sequence[Row], cached: int, first: Sequence[Row] = ()) -> list[list[Row]]:
        """Divide rows into batches; those with any of the rows `first` come first."""
        ordered = sorted(rows, key=lambda row: -row.length)
        batches, begin = [], 0
        for size in self._sizes(ordered, cached):
            batches.append(ordered[begin : begin + size])
            begin += size
        soon = set(map(id, first))
        return sorted(batches, key=lambda batch: not any(id(row) in soon for row in batch))

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


def spans_by_node(root: Node, queries: Sequence[Query], numbers: Sequence[int]) -> dict[Node, list[TargetSpan]]:
    """Find the nodes that predict each query's targets: a continuation may reach over several nodes of the tree. The
    spans name queries by their `numbers`."""
    spans: dict[Node, list[TargetSpan]] = {}
    for leaf in preorder(root):
        for index in leaf.sequences:
            targets = queries[index].targets
            begin = leaf.end - len(targets)  # the position that predicts the first target
            node: Node | None = leaf
            while node is not None and node.end > begin:
                first = max(node.start - begin, 0)
                span = TargetSpan(numbers[index], first, begin + first - node.start, targets[first : node.end - begin])
                spans.setdefault(node, []).append(span)
                node = node.parent
    return spans
