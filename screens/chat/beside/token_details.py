"""What each model of a chat makes of the token at the cursor, in lines of coloured text."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rich.cells import set_cell_size
from rich.text import Text

from benchtui.reports.wording.tokens import number, quoted
from benchtui.runs.kinds.chat.events import Candidate
from benchtui.text import one_line
from screens.themes import Colours
from screens.tokens.details import LISTED, bar, beside, share_words

COLUMN = 36
"""Columns that a model takes, where there is room; with fewer there are no bars."""
NARROW = 19
"""The fewest that it takes, where there are more than two models."""
_TOKEN = 15
_SHARE = 7


@dataclass(frozen=True)
class Side:
    """What one model makes of a token: its entropy, its `divergence` from the model that wrote it (None for that one
    itself) and its log-probability, in nats, None where they are not known; its likeliest tokens. `note` says why
    nothing is known."""

    label: str
    entropy: float | None = None
    divergence: float | None = None
    logprob: float | None = None
    top: Sequence[Candidate] = ()
    note: str = ""


def side_lines(place: int, count: int, token: str, sides: Sequence[Side], width: int, colours: Colours) -> Text:
    """Return the lines for token `place` (from 0) of `count`, of each model; as many side by side as there is room
    for."""
    heading = Text.assemble((f"Token {place + 1:,} of {count:,} ", "bold"), (quoted(token), f"bold {colours.accent}"))
    lines = [heading]
    for side in sides:
        if side.note:
            words = f"{one_line(side.label, 40)}: {one_line(side.note, 300)}"
            lines += [Text(line, style=colours.muted) for line in textwrap.wrap(words, width)]
    told = [side for side in sides if not side.note]
    in_row = min(max(width // (COLUMN if len(sides) <= 2 else NARROW), 1), max(len(told), 1))
    in_row = -(-len(told) // -(-len(told) // in_row)) if told else 1  # 2 and 2 rather than 3 and 1
    column = width // in_row
    for begin in range(0, len(told), in_row):
        columns = [list(_lines(side, token, column, colours)) for side in told[begin : begin + in_row]]
        lines += [beside(cells, column) for cells in zip_longest(*columns, fillvalue=Text())]
    return Text("\n", no_wrap=True, overflow="ellipsis").join(lines)


def _lines(side: Side, token: str, column: int, colours: Colours) -> Iterator[Text]:
    wide = column >= COLUMN
    yield Text.assemble((one_line(side.label, 60), "bold"))
    numbers = Text.assemble(("entropy " if wide else "H ", colours.muted), number(side.entropy))
    if side.divergence is not None:
        numbers.append("  JS " if wide else " JS ", style=colours.muted).append(number(side.divergence))
    yield numbers
    shown = 0.0
    for candidate in side.top[:LISTED]:
        p = math.exp(min(candidate.logprob, 0.0))
        shown += p
        here = candidate.text == token
        room = _TOKEN if wide else column - _SHARE - 1
        line = Text.assemble(
            (set_cell_size(quoted(candidate.text), room), f"bold {colours.accent}" if here else ""),
            f" {share_words(p)} ",
        )
        if wide:
            line.append(bar(p), style=colours.primary).append(" ← text" if here else "", style=colours.muted)
        yield line
    line = Text.assemble(("rest ", colours.muted), f"{max(1 - shown, 0.0):.3f}  ") if side.top and wide else Text()
    if side.logprob is not None:
        p = math.exp(min(side.logprob, 0.0))
        line.append("text p ", style=colours.muted).append(f"{p:.3f}" if p >= 0.001 else f"{p:.1e}")
    yield line
