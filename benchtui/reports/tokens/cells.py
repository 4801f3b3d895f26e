"""Cells and empty tables of the reports by token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchtui.reports.wording.glyphs import Glyphs
from benchtui.reports.wording.tokens import estimate_words
from benchtui.text import printable

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from benchtui.tokens.summary import Estimate


def stacked(
    found: Estimate,
    glyphs: Glyphs,
    *,
    factor: float = 1.0,
    share: bool = False,
    signed: bool = False,
    decimals: int | None = None,
) -> str:
    """Return an estimate with its interval below it, for narrow columns."""
    words = estimate_words(found, glyphs, factor=factor, share=share, signed=signed, decimals=decimals)
    return words.replace(" (", "\n(", 1)


def table(*columns: str, left: tuple[str, ...] = ()) -> Table:
    """Return an empty table; its first column and those in `left` hold words, the others numbers."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    found = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for number, name in enumerate(columns):
        plain = number == 0 or name in left
        found.add_column(
            Text(name),
            justify="left" if plain else "right",
            overflow="fold",
        )
    return found


def texts(*cells: str) -> list[RenderableType]:
    """Return cells as text that is never read as markup."""
    from rich.text import Text

    return [Text(printable(cell, 400)) for cell in cells]
