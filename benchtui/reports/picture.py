"""Draws what a terminal shows as an SVG, for READMEs and slides."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from benchtui.compare.records import Comparison
from benchtui.reports.tables import comparison_table

if TYPE_CHECKING:
    from rich.console import Console

COLUMNS = 96
_FONTS = re.compile(r"\s*@font-face\s*\{[^}]*\}")
"""Rich names fonts on a server; without them the picture loads nothing, and takes the reader's own."""
_NO_XML = re.compile("[\ufffe\uffff]")


def comparison_svg(comparison: Comparison) -> str:
    """Return one self-contained SVG, as wide as a terminal of COLUMNS."""
    return terminal_svg(
        "benchtui compare", COLUMNS, lambda console: console.print(comparison_table(comparison, width=COLUMNS))
    )


def terminal_svg(title: str, columns: int, draw: Callable[[Console], None]) -> str:
    """Return what `draw` prints on a terminal of so many columns, as one SVG that loads nothing."""
    from rich.console import Console
    from rich.terminal_theme import MONOKAI

    console = Console(record=True, file=io.StringIO(), width=columns, force_terminal=True, color_system="truecolor")
    draw(console)
    return _NO_XML.sub("", _FONTS.sub("", console.export_svg(title=title, theme=MONOKAI)))
