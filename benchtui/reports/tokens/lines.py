"""Sets the pieces of a document in lines: the text in colour, a bar below each token, `^` below a changed top token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from benchtui.reports.tokens.cells_of_text import Piece
from benchtui.reports.wording.glyphs import UNICODE, Glyphs

if TYPE_CHECKING:
    from rich.text import Text

BARS = {True: "▁▂▃▄▅▆▇█", False: " .:-=+*#"}
"""Eight steps, for terminals that have the first."""
COLOURS = (
    "", "", "black on #fff3c4", "black on #ffe08a", "black on #ffc46b", "black on #ff9f5a", "black on #ff7a59",
    "white on #d7301f",
)  # fmt: skip
"""The colour of each step: none where the models agree."""


def text_lines(pieces: Sequence[Piece], width: int, glyphs: Glyphs = UNICODE) -> Iterator[Text]:
    """Yield the lines of a text of at most `width` columns, each with a line of bars and, where a top token changed,
    one of `^`. What was not scored has no bars."""
    from rich.text import Text

    for line in piece_lines(pieces, width):
        written, bars, marks = Text(no_wrap=True), "", ""
        for piece, part, begins in line:
            scored = piece.first >= 0
            columns = columns_of(part)
            written.append(part, COLOURS[piece.step] if scored else "dim")
            if not columns:
                continue
            bars += (BARS[glyphs is UNICODE][piece.step] if scored and begins else " ").ljust(columns)
            marks += ("^" if scored and begins and piece.changed else " ").ljust(columns)
        yield written
        if bars.strip() or any(piece.first >= 0 for piece, _, _ in line):
            yield Text(bars.rstrip(), no_wrap=True)
        if marks.strip():
            yield Text(marks.rstrip(), no_wrap=True)


Line = list[tuple[Piece, str, bool]]
"""Pieces, or parts of them where one is wider than a line; whether a part is the first of its piece."""


def piece_lines(pieces: Sequence[Piece], width: int) -> Iterator[Line]:
    """Yield the pieces in lines of at most `width` columns; the text's own line ends end one."""
    width = max(width, 8)
    line: Line = []
    used = 0
    for piece in pieces:
        begins = True
        for part in _parts(piece.text, width):
            columns = columns_of(part)
            if used + columns > width:
                yield line
                line, used = [], 0
            line.append((piece, part, begins))
            used, begins = used + columns, False
        if piece.ends_line:
            yield line
            line, used = [], 0
    if line:
        yield line


def _parts(text: str, width: int) -> Iterator[str]:
    """Yield text in parts of at most `width` columns."""
    part, used = "", 0
    for sign in text:
        columns = columns_of(sign)
        if used + columns > width:
            yield part
            part, used = "", 0
        part, used = part + sign, used + columns
    yield part


def columns_of(text: str) -> int:
    """Return how many columns a text takes in a terminal."""
    from rich.cells import cell_len

    return cell_len(text)
