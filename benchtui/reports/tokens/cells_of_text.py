"""Divides a document into the pieces that are shown: its tokens, those that are parts of one character together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchtui.reports.tokens.metrics import TokenMetric, steps_of, values_of
from benchtui.tokens.vocabulary import shown_token

if TYPE_CHECKING:
    from benchtui.tokens.store import DistributionStore

MOST_TOKENS = 20_000
"""Tokens of a document that are shown."""


@dataclass(frozen=True)
class Piece:
    """Some text of a document: that of the scored tokens `first` … `last` (one, but for parts of a character), or, with
    `first` -1, text that was not scored. `step` is how far it is on the metric's scale (of several tokens the
    farthest), `changed` whether the models' likeliest tokens differ. `ends_line` says that a line of the text ends
    with it."""

    text: str
    first: int = -1
    last: int = -1
    value: float = 0.0
    step: int = 0
    changed: bool = False
    ends_line: bool = False


@dataclass(frozen=True)
class ColouredText:
    """A document divided: pieces in order; `left_out` counts its scored tokens that are not shown."""

    pieces: Sequence[Piece]
    left_out: int = 0


def coloured_text(
    store: DistributionStore, metric: TokenMetric, first: int, second: int, document: int, most: int = MOST_TOKENS
) -> ColouredText:
    """Divide a document of the store, with the numbers of a pair of models (of one model: twice the same). Raises
    BenchtuiError where the store cannot be read."""
    texts = store.texts(second)
    tokens, text = texts.tokens[document], texts.documents[document].text
    values = values_of(store, metric, first, second, document)
    steps = steps_of(metric, values)
    changed = ~store.pair(first, second, document).same_top if first != second else [False] * len(values)
    count = min(len(values), most)
    begins = int(tokens.starts[tokens.first]) if len(values) else len(text)
    pieces = list(unscored(text[:begins]))
    vocabulary = store.vocabulary(second)
    at, place = 0, begins
    while at < count:
        last = at
        start, end = (int(spans[tokens.first + at]) for spans in (tokens.starts, tokens.ends))
        while end > start and last + 1 < count and int(tokens.starts[tokens.first + last + 1]) < end:
            last += 1
            end = max(end, int(tokens.ends[tokens.first + last]))
        written = text[max(start, place) : end] if end > start else vocabulary.text(int(tokens.scored[at]))
        place = max(place, end)
        most_so = max(range(at, last + 1), key=lambda n: (int(steps[n]), float(values[n])))
        pieces.append(
            Piece(
                visible(shown_token(written, None)),
                at,
                last,
                float(values[most_so]),
                int(steps[most_so]),
                bool(any(changed[at : last + 1])),
                "\n" in written,
            )
        )
        at = last + 1
    return ColouredText(pieces, len(values) - count)


def visible(text: str) -> str:
    """Return a token's text so that it takes a column at least: a mark that goes over a letter stands over a circle,
    what cannot be shown is ⟨⟩."""
    from rich.cells import cell_len

    return text if cell_len(text) else f"◌{text}" if text else "⟨⟩"


def unscored(text: str) -> list[Piece]:
    """Return the pieces of text that was not scored, a line each."""
    lines = text.splitlines(keepends=True)
    return [Piece(shown_token(line, None), ends_line=line.endswith("\n")) for line in lines]
