"""What both models would have written at a token, with how sure they are, in lines of coloured text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rich.cells import set_cell_size
from rich.text import Text

from benchtui.reports.wording.tokens import number, quoted, shift_word
from benchtui.text import one_line
from screens.themes import Colours
from screens.tokens.reading import ReadDocument

LISTED = 5
"""Likeliest tokens that are listed."""
BESIDE = 76
"""Columns from which on two models stand side by side."""
_TOKEN, _BAR = 15, 8
_EIGHTHS = " ▏▎▍▌▋▊▉"


def details(read: ReadDocument, position: int, width: int, colours: Colours) -> Text:
    """Return the lines for a scored token, numbered from 0."""
    sides = [list(_side(read, side, position, colours)) for side in range(len(read.scores))]
    lines = [_heading(read, position, colours)]
    column = width // len(sides)
    if width >= BESIDE or len(sides) == 1:
        lines += [beside(row, column) for row in zip(*sides, strict=True)]
    else:
        lines += [line for side in sides for line in (*side, Text(""))]
    lines += _conclusion(read, position, colours)
    return Text("\n", no_wrap=True, overflow="ellipsis").join(lines)


def _heading(read: ReadDocument, position: int, colours: Colours) -> Text:
    line = Text.assemble(
        (f"Token {position + 1:,} of {len(read.ranked):,} ", "bold"),
        (own_token(read, position), f"bold {colours.accent}"),
    )
    if read.pair is not None:
        first, second = (one_line(label, 16) for label in read.labels)
        numbers = [
            ("JS", read.pair.js),
            (f"KL({first}‖{second})", read.pair.kl),
            ("TV", read.pair.tv),
        ]
        least = "≥" if read.pair.bound == "lower" else ""
        for name, values in numbers:
            line.append(f"  {name} ", style=colours.muted).append(f"{least}{number(float(values[position]))}")
    return line


def _side(read: ReadDocument, side: int, position: int, colours: Colours) -> Iterator[Text]:
    scores, vocabulary = read.scores[side], read.vocabularies[side]
    own = int(read.tokens.scored[position])
    yield Text.assemble(
        (one_line(read.labels[side], 28), "bold"),
        ("  entropy ", colours.muted),
        number(float(scores.entropy[position])),
    )
    shown = 0.0
    ids, logprobs = scores.top_ids[position][:LISTED], scores.top_logprobs[position][:LISTED]
    for token, logprob in zip(ids.tolist(), logprobs.tolist(), strict=True):
        if token < 0:
            yield Text("")
            continue
        p = math.exp(logprob)
        shown += p
        here = token == own
        style = f"bold {colours.accent}" if here else ""
        yield Text.assemble(
            (set_cell_size(quoted(vocabulary.text(token)), _TOKEN), style),
            f" {share_words(p)} ",
            (bar(p), colours.primary),
            (" ← text" if here else "", colours.muted),
        )
    p = math.exp(float(scores.logprob[position]))
    yield Text.assemble(
        ("rest ", colours.muted),
        f"{max(1 - shown, 0.0):.3f}",
        ("  text rank ", colours.muted),
        f"{int(scores.rank[position]):,}",
        (" p ", colours.muted),
        f"{p:.3f}" if p >= 0.001 else f"{p:.1e}",
    )


def _conclusion(read: ReadDocument, position: int, colours: Colours) -> list[Text]:
    if read.pair is None:
        return []
    rank = int(read.pair.shift[position])
    first, second = (one_line(label, 20) for label in read.labels)
    words = f"is {first}'s likeliest too" if rank == 1 else f"has rank {rank:,} in {first}"
    style = {"unshifted": colours.muted, "marginal": colours.text}.get(shift_word(rank), colours.accent)
    return [Text.assemble((f"{second}'s likeliest token {words}: ", colours.muted), (shift_word(rank), style))]


def own_token(read: ReadDocument, position: int) -> str:
    """Return a token of the text between quotation marks: as it stands there; of parts of a character, their bytes."""
    token = int(read.tokens.scored[position])
    raw = read.vocabularies[-1].text(token)
    start, end = (int(spans[read.tokens.first + position]) for spans in (read.tokens.starts, read.tokens.ends))
    return quoted(read.about.text[start:end] if end > start and "⟨" not in raw else raw)


def share_words(p: float) -> str:
    return "<.001" if 0 < p < 0.0005 else f"{p:.3f}"


def beside(row: Sequence[Text], column: int) -> Text:
    line = Text()
    for cell in row:
        cell.truncate(column - 1, overflow="ellipsis")
        line.append_text(cell).append(" " * max(column - cell.cell_len, 0))
    return line


def bar(share: float) -> str:
    """A bar of _BAR cells, in eighths of a cell."""
    full, part = divmod(round(min(max(share, 0.0), 1.0) * _BAR * 8), 8)
    return ("█" * full + (_EIGHTHS[part] if part else "")).ljust(_BAR)
