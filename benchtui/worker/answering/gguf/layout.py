"""Which tokens share a forward pass: a function of the requests' own tokens, whatever was answered before.

A quantised model's scores depend on the rows that are multiplied together, so a run that is resumed must lay out its
batches as it would have without the break. Requests that follow each other on one context are a group; a group is
answered and journaled as a whole, and nothing of another group is computed with it.
`BATCH_LAYOUT` in `benchtui/backends/gguf.py` is this layout's version.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from benchtui.worker.answering.protocol import Ids, ScoreRequest

PIECE = 512
"""Tokens in one call of llama_decode at most: more than its n_batch would end the process."""
SEQUENCES = 16
"""Texts that stand on one context at a time."""
LOGITS_BYTES = 64 << 20
"""Memory of the logits of one call; positions of which no logits are asked cost none."""


@dataclass(frozen=True)
class Row:
    """A token at a position of one or more sequences; with `wanted` its logits are asked for."""

    token: int
    position: int
    sequences: tuple[int, ...]
    wanted: bool = False


def most_wanted(vocabulary: int) -> int:
    """How many rows of logits one call computes at most."""
    return max(SEQUENCES, min(PIECE, LOGITS_BYTES // (4 * vocabulary)))


def pieces(rows: Sequence[Row], wanted: int) -> Iterator[Sequence[Row]]:
    """Divide rows into calls: each of at most PIECE tokens, `wanted` of which have their logits asked for."""
    first = asked = 0
    for place, row in enumerate(rows):
        if place - first == PIECE or (row.wanted and asked == wanted):
            yield rows[first:place]
            first, asked = place, 0
        asked += row.wanted
    if first < len(rows):
        yield rows[first:]


def text_rows(ids: Ids, first: int, sequence: int = 0, *, wanted_from: int) -> list[Row]:
    """The rows of a text that continues at position `first`; logits are asked from index `wanted_from` of `ids` on."""
    return [Row(token, first + place, (sequence,), place >= wanted_from) for place, token in enumerate(ids)]


def groups(requests: Sequence[ScoreRequest], shares_prefixes: bool) -> list[list[int]]:
    """Indices of the requests that are answered together, in the order that they were given.

    A context of one token (an empty one, or a window of a longer text) is nothing to share: such requests can be
    thousands of documents, and each stands alone.
    """
    found: list[list[int]] = []
    for (context, _), members in groupby(range(len(requests)), key=lambda index: _context(requests[index])):
        together = list(members)
        found += [together] if shares_prefixes and len(context) > 1 else [[index] for index in together]
    return found


def _context(request: ScoreRequest) -> tuple[tuple[int, ...], int]:
    return tuple(request.context[request.lost :]), request.lost


@dataclass(frozen=True)
class Wave:
    """Rows that are read together, and what each wanted one predicts: `sought[i]` are pairs of an ending's index and
    the token that continues it there. Its endings have the first so many `sequences`, and with the context so many
    `cells` of the cache are in use."""

    rows: list[Row]
    sought: list[list[tuple[int, int]]]
    sequences: int
    cells: int


def waves(context: Ids, endings: Sequence[Ids]) -> list[Wave]:
    """How a group is read: the context once, for as many sequences as there are endings, each ending behind it.

    The last token of an ending is predicted, not read. More endings than SEQUENCES follow in further waves, on the same
    context.
    """
    after_context = [(index, ending[0]) for index, ending in enumerate(endings)]
    longer = [index for index, ending in enumerate(endings) if len(ending) > 1]
    together = tuple(range(max(1, min(len(longer), SEQUENCES))))
    last = len(context) - 1
    found: list[Wave] = []
    for first in range(0, max(1, len(longer)), SEQUENCES):
        rows: list[Row] = []
        sought: list[list[tuple[int, int]]] = []
        if not found:
            rows += [Row(token, place, together, place == last) for place, token in enumerate(context)]
            sought.append(after_context)
        part = longer[first : first + SEQUENCES]
        for sequence, index in enumerate(part):
            ending = endings[index]
            rows += text_rows(ending[:-1], len(context), sequence, wanted_from=0)
            sought += [[(index, token)] for token in ending[1:]]
        cells = len(rows) + (len(context) if found else 0)
        found.append(Wave(rows, sought, len(part), cells))
    return found
