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
"""Columns that a model takes at least, where several are side by side."""
_TOKEN = 15


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
    in_row = min(max(width // COLUMN, 1), max(len(told), 1))
    for begin in range(0, len(told), in_row):
        columns = [list(_lines(side, token, colours)) for side in told[begin : begin + in_row]]
        lines += [beside(cells, width // in_row) for cells in zip_longest(*columns, fillvalue=Text())]
    return Text("\n", no_wrap=True, overflow="ellipsis").join(lines)


def _lines(side: Side, token: str, colours: Colours) -> Iterator[Text]:
    yield Text.assemble((one_line(side.label, 60), "bold"))
    numbers = Text.assemble(("entropy ", colours.muted), number(side.entropy))
    if side.divergence is not None:
        numbers.append("  JS ", style=colours.muted).append(number(side.divergence))
    yield numbers
    shown = 0.0
    for candidate in side.top[:LISTED]:
        p = math.exp(min(candidate.logprob, 0.0))
        shown += p
        here = candidate.text == token
        yield Text.assemble(
            (set_cell_size(quoted(candidate.text), _TOKEN), f"bold {colours.accent}" if here else ""),
            f" {share_words(p)} ",
            (bar(p), colours.primary),
            (" ← text" if here else "", colours.muted),
        )
    line = Text.assemble(("rest ", colours.muted), f"{max(1 - shown, 0.0):.3f}") if side.top else Text()
    if side.logprob is not None:
        p = math.exp(min(side.logprob, 0.0))
        line.append("  text p " if side.top else "text p ", style=colours.muted)
        line.append(f"{p:.3f}" if p >= 0.001 else f"{p:.1e}")
    yield line
