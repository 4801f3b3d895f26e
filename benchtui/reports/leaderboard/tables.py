"""The leaderboard as a table for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchtui.compare.leaderboard.records import Cell, Column, Leaderboard
from benchtui.reports.wording.glyphs import UNICODE, Glyphs
from benchtui.reports.wording.numbers import score_words
from benchtui.text import one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def leaderboard_table(board: Leaderboard, *, glyphs: Glyphs = UNICODE) -> Table:
    """Return candidates in rows and tasks in columns, each score with its change against the reference."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("Model", *(column.title for column in board.columns)):
        made.add_column(Text(one_line(name, 40)))
    for candidate, cells in zip(board.candidates, board.cells, strict=True):
        words = [cell_words(cell, column, glyphs) for cell, column in zip(cells, board.columns, strict=True)]
        made.add_row(Text(one_line(candidate.name, 60)), *map(Text, words))
    return made


def cell_words(cell: Cell, column: Column, glyphs: Glyphs = UNICODE) -> str:
    """Return a score and its change in words: "58.2% (+18.1 ▲)"."""
    if cell.value is None:
        return "–" if glyphs is UNICODE else "-"
    words = score_words(cell.value, is_share=column.is_share, digits=1)
    if cell.row is not None and cell.state == "compared":
        size = 100 * cell.row.change if column.is_share else cell.row.change
        words += f" ({size:+.1f})"
    return words


def print_leaderboard(board: Leaderboard, console: Console) -> None:
    """Print the table."""
    from benchtui.reports.wording.glyphs import glyphs_for

    console.print(leaderboard_table(board, glyphs=glyphs_for(console.encoding)))
