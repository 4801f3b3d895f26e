"""Text set in lines of a width, which may grow at its end: only the last line is set again."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.cells import cell_len, chop_cells

from benchtui.text import printable

_TAB = "    "
_UNSPACED = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uff60"
_PIECES = re.compile(rf"\n| +|[{_UNSPACED}]|[^ \n{_UNSPACED}]+")
"""A line end, spaces, a character of a script that is written without spaces, a word."""

_OPEN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*|[PX^_][^\x1b]*)?\Z")
"""An escape code that what comes next may still end."""


class Wrapping:
    """`lines` of a text that was `set`: foreign text, made safe, its spaces kept as they are."""

    def __init__(self, width: int) -> None:
        self.width = max(width, 2)
        self.lines: list[str] = []
        self._raw = ""
        self._text = ""
        self._last = 0
        self._open = False

    def set(self, raw: str) -> None:
        """Set a text in lines; one that begins with all of the last one costs no more than what is new in it."""
        if raw == self._raw and self.lines:
            return
        if not self._open and raw.startswith(self._raw):
            self._text += _safe(raw[len(self._raw) :])
            del self.lines[-1:]
        else:  # where an escape code has become whole, it is left out, and what stood there moves
            self._text, self._last = _safe(raw), 0
            self.lines.clear()
        self._raw = raw
        escape = raw.rfind("\x1b")
        self._open = escape >= 0 and _OPEN.match(raw, escape) is not None
        for begin, end in _spans(self._text, self._last, self.width):
            self.lines.append(self._text[begin:end].rstrip(" "))
            self._last = begin


def _safe(raw: str) -> str:
    return printable(raw).replace("\t", _TAB)


def _spans(text: str, start: int, width: int) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each line from `start` on, where a line begins. A word that grows changes only the line
    that it begins on."""
    begin, column = start, 0
    for found in _PIECES.finditer(text, start):
        piece = found[0]
        if piece == "\n":
            yield begin, found.start()
            begin, column = found.end(), 0
            continue
        wide = cell_len(piece)
        if column + wide <= width:
            column += wide
            continue
        if piece[0] == " ":
            column = width  # they hang over the end of the line, and what follows begins the next
            continue
        if column and not text[begin : found.start()].isspace():
            yield begin, found.start()
            begin, column = found.start(), 0
        if column + wide <= width:
            column = wide
            continue
        for part in _chopped(piece, width - column, width)[:-1]:
            at = max(begin, found.start()) + len(part)
            yield begin, at
            begin = at
        column = cell_len(text[begin : found.end()])
    yield begin, len(text)


def _chopped(word: str, first: int, width: int) -> list[str]:
    """Cut a word that is wider than a line; its first part is put behind an indent."""
    if first < 1:
        return ["", *chop_cells(word, width)]
    head = next(iter(chop_cells(word, first)), "")
    if cell_len(head) > first:  # one wide character does not fit there
        return ["", *chop_cells(word, width)]
    return [head, *chop_cells(word[len(head) :], width)]
