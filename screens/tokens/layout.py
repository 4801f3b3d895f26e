"""Where each token of a text stands on the screen, for one width."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from benchtui.reports.tokens.cells_of_text import Piece
from benchtui.reports.tokens.lines import columns_of, piece_lines

Kind = Literal["text", "bars", "marks"]


@dataclass(frozen=True)
class Cell:
    """A piece of text, or a part of one that is wider than a line: its first column, its width, and whether the piece
    begins with it."""

    piece: Piece
    part: str
    column: int
    width: int
    begins: bool


@dataclass(frozen=True)
class Spot:
    """Where a token stands: the line of the text, and its first column there."""

    line: int
    column: int


@dataclass(frozen=True)
class Layout:
    """`lines` of cells; `rows` of the screen, each a line and what of it stands there; `first_row` of each line;
    `spots` of the tokens, by their number."""

    lines: Sequence[Sequence[Cell]]
    rows: Sequence[tuple[int, Kind]]
    first_row: Sequence[int]
    spots: Sequence[Spot]

    @property
    def tokens(self) -> int:
        """How many tokens have a place."""
        return len(self.spots)

    def rows_of(self, token: int) -> range:
        """The rows of the screen that the line of a token takes."""
        line = self.spots[token].line
        end = self.first_row[line + 1] if line + 1 < len(self.first_row) else len(self.rows)
        return range(self.first_row[line], end)

    def at(self, row: int, column: int) -> int | None:
        """The token at a place of the screen; None where there is none."""
        if not 0 <= row < len(self.rows):
            return None
        for cell in self.lines[self.rows[row][0]]:
            if cell.column <= column < cell.column + cell.width:
                return cell.piece.first if cell.piece.first >= 0 else None
        return None

    def beside(self, token: int, lines: int) -> int:
        """The token nearest to the column of `token`, so many lines below (above: less than 0) among those with tokens;
        the last one there where there are fewer."""
        spot = self.spots[token]
        order = self._lines_with_tokens
        target = order[min(max(bisect_left(order, spot.line) + lines, 0), len(order) - 1)]
        if target == spot.line:
            return token
        here = [cell for cell in self.lines[target] if cell.piece.first >= 0 and cell.begins]
        return min(here, key=lambda cell: abs(cell.column - spot.column)).piece.first

    @cached_property
    def _lines_with_tokens(self) -> list[int]:
        return sorted({spot.line for spot in self.spots})


def lay_out(pieces: Sequence[Piece], width: int) -> Layout:
    """Set the pieces in lines of `width` columns."""
    lines = [list(_cells(line)) for line in piece_lines(pieces, width)]
    rows: list[tuple[int, Kind]] = []
    first_row: list[int] = []
    spots: list[Spot] = []
    for number, cells in enumerate(lines):
        first_row.append(len(rows))
        rows.append((number, "text"))
        scored = [cell for cell in cells if cell.piece.first >= 0]
        if scored:
            rows.append((number, "bars"))
        if any(cell.begins and cell.piece.changed for cell in scored):
            rows.append((number, "marks"))
        for cell in scored:
            if cell.begins:
                spots += [Spot(number, cell.column)] * (cell.piece.last - cell.piece.first + 1)
    return Layout(lines, rows, first_row, spots)


def _cells(line: Sequence[tuple[Piece, str, bool]]) -> Iterator[Cell]:
    column = 0
    for piece, part, begins in line:
        width = columns_of(part)
        yield Cell(piece, part, column, width, begins)
        column += width
