"""Draws the comparison as a picture of a terminal, for READMEs and slides."""

from __future__ import annotations

import io

from benchtui.compare.records import Comparison
from benchtui.reports.tables import comparison_table

COLUMNS = 96


def comparison_svg(comparison: Comparison) -> str:
    """Return one self-contained SVG, as wide as a terminal of COLUMNS."""
    from rich.console import Console
    from rich.terminal_theme import MONOKAI

    console = Console(record=True, file=io.StringIO(), width=COLUMNS, force_terminal=True, color_system="truecolor")
    console.print(comparison_table(comparison, width=COLUMNS))
    return console.export_svg(title="benchtui compare", theme=MONOKAI)
