"""An answer that a small and a large model wrote, in lines: the text in their colours, and below each line who wrote
it, in signs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from benchtui.reports.tokens.cells_of_text import Piece
from benchtui.reports.tokens.lines import columns_of, piece_lines
from benchtui.reports.wording.glyphs import UNICODE, Glyphs
from benchtui.reports.wording.routing import author_sign
from benchtui.results.routed import AnswerPart, Author
from benchtui.tokens.vocabulary import shown_token

if TYPE_CHECKING:
    from rich.text import Text

_AUTHORS: Sequence[Author] = ("small", "large")
_WORDS = re.compile(r"\n|[^\S\n]*\S{1,200}|[^\S\n]+")
Span = tuple[int, int]


def written_lines(
    text: str,
    parts: Sequence[AnswerPart],
    width: int,
    styles: Mapping[Author, str],
    marked: Sequence[Span] = (),
    glyphs: Glyphs = UNICODE,
) -> Iterator[Text]:
    """Yield the lines of an answer of at most `width` columns, each with a line of signs below. `marked` are places of
    the text that are underlined. Control characters are shown as signs, and nothing is read as markup."""
    from rich.text import Text

    for line in piece_lines(list(_pieces(text, parts, marked)), width):
        written, signs = Text(no_wrap=True), Text(no_wrap=True)
        for piece, part, _ in line:
            author: Author = _AUTHORS[piece.step] if piece.first >= 0 else ""
            written.append(part, f"{styles[author]}{' underline' if piece.changed else ''}".strip())
            sign = author_sign(author, glyphs) if author else " "
            signs.append(sign * columns_of(part), styles[author])
        yield written
        if signs.plain.strip():
            signs.rstrip()
            yield signs


def _pieces(text: str, parts: Sequence[AnswerPart], marked: Sequence[Span]) -> Iterator[Piece]:
    """Yield the words of each part; what nobody wrote (headings) has no number."""
    at = 0
    for part in parts:
        for found in _WORDS.finditer(text, at, min(at + part.characters, len(text))):
            known = bool(part.author)
            yield Piece(
                _visible(found.group()),
                first=0 if known else -1,
                step=_AUTHORS.index(part.author) if known else 0,
                changed=any(start < found.end() and found.start() < end for start, end in marked),
                ends_line=found.group() == "\n",
            )
        at += part.characters


def _visible(word: str) -> str:
    """Characters as people read them; a part without any width (half of a letter with its mark) over a circle."""
    shown = shown_token(word, None)
    return shown if columns_of(shown) or not shown else f"◌{shown}"
