"""Plans the rows of forward passes: which prefixes are computed once and cached, which continuations share a row."""

from __future__ import annotations

from dataclasses import dataclass, field

from benchtui.worker.answering.hf.engine.prefix_tree import Node, preorder

# A subtree larger than this is never estimated as one row: it will be divided further down.
_ROW_ESTIMATE = 1024


@dataclass(frozen=True)
class Costs:
    """The costs of a forward pass, in units of running one token through the layers.

    `attention`: one query attends to one key. `forward`: one more call of the model. `copied`: one cached position is
    copied for one more row.
    """

    attention: float
    forward: float
    copied: float

    def of_row(self, tokens: int, past: int) -> float:
        """Return the cost of running `tokens` in one row after `past` cached positions."""
        return tokens * (1 + self.attention * (tokens + past)) + self.copied * past

    def of_subtree(self, tokens: int, past: int) -> float:
        """Return the same for a subtree, which is divided further when it is large."""
        return tokens * (1 + self.attention * (min(tokens, _ROW_ESTIMATE) + past)) + self.copied * past


@dataclass(frozen=True)
class Piece:
    """The tokens of one node inside a row.

    `column` is where they begin, and `end` the column after everything that continues them. Where many rows repeat the
    same tokens, `scored` is true in one of them only.
    """

    node: Node
    column: int
    end: int
    scored: bool


@dataclass(frozen=True)
class Row:
    """A tree of continuations in depth-first order, run as one row of a batch after its branch's prefix."""

    pieces: tuple[Piece, ...]
    length: int

    @property
    def is_chain(self) -> bool:
        """Whether nothing forks in this row, so that causal attention is enough."""
        return all(piece.end == self.length for piece in self.pieces)

    def chains(self) -> list[Row]:
        """Return the same work as one row for each path, for a packed row that does not fit into memory."""
        seen: set[Node] = set()
        rows = []
        for leaf in self.pieces:
            if leaf.column + len(leaf.node.tokens) < leaf.end:
                continue
            path = [piece for piece in self.pieces if piece.column <= leaf.column < piece.end]
            length = _length(tuple(piece.node for piece in path))
            pieces, column = [], 0
            for piece in path:
                pieces.append(Piece(piece.node, column, length, piece.scored and piece.node not in seen))
                column += len(piece.node.tokens)
            seen.update(piece.node for piece in path)
            rows.append(Row(tuple(pieces), length))
        return rows


@dataclass(eq=False)
class Branch:
    """A prefix that is computed once and continues the one of the branch above, and what follows it."""

    prefix: tuple[Piece, ...] = ()
    rows: list[Row] = field(default_factory=list)
    branches: list[Branch] = field(default_factory=list)


def plan_rows(root: Node, costs: Costs, packing: bool = True) -> Branch:
    """Plan how to compute every node of the tree at least once, at low cost.

    Where sequences fork there are three ways: run the whole subtree as one packed row (no token is run twice, but each
    attends over the whole row); cache the shared part for the rows below it; or repeat the shared part in every row.
    The cheapest by `costs` is used, looking one fork ahead. Without `packing` a row holds a single path.
    """
    top = Branch()
    stack: list[tuple[Node, tuple[Node, ...], int, Branch]] = [(root, (), 0, top)]
    while stack:
        node, carried, scored_from, branch = stack.pop()
        choice = _cheapest(node, _length(carried), node.start - _length(carried), costs, packing)
        if choice == "pack":
            branch.rows.append(_row(carried, scored_from, node))
            continue
        if len(node.tokens):  # the root has none
            carried = (*carried, node)
        if choice == "keep":
            below = Branch(_chain(carried, scored_from, _length(carried)))
            branch.branches.append(below)
            branch, carried, scored_from = below, (), 0
        # Repeated tokens are scored in the first child's row; the last on the stack runs first.
        stack.extend((child, carried, len(carried), branch) for child in reversed(node.children[1:]))
        stack.append((node.children[0], carried, scored_from, branch))
    return top


def _cheapest(node: Node, carried: int, past: int, costs: Costs, packing: bool) -> str:
    if not node.children:
        return "pack"
    shared = carried + len(node.tokens)
    total_costs = {"repeat": sum(costs.of_subtree(shared + child.size, past) for child in node.children)}
    if packing:
        total_costs["pack"] = costs.of_row(carried + node.size, past)
    if shared:
        below = sum(costs.of_subtree(child.size, past + shared) for child in node.children)
        total_costs["keep"] = 2 * costs.forward + costs.of_row(shared, past) + below
    return min(total_costs, key=total_costs.__getitem__)


def _length(nodes: tuple[Node, ...]) -> int:
    return sum(len(node.tokens) for node in nodes)


def _row(carried: tuple[Node, ...], scored_from: int, top: Node) -> Row:
    length = _length(carried) + top.size
    pieces = list(_chain(carried, scored_from, length))
    column = _length(carried)
    for node in preorder(top):
        pieces.append(Piece(node, column, column + node.size, scored=True))
        column += len(node.tokens)
    return Row(tuple(pieces), length)


def _chain(nodes: tuple[Node, ...], scored_from: int, end: int) -> tuple[Piece, ...]:
    pieces, column = [], 0
    for index, node in enumerate(nodes):
        pieces.append(Piece(node, column, end, scored=index >= scored_from))
        column += len(node.tokens)
    return tuple(pieces)
