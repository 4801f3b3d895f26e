"""How the lines of a chat look: from the theme's colours."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from textual.app import App
from textual.color import Color

from screens.themes import colours


def styles(app: App[object]) -> dict[str, Style]:
    """The style of each kind of line, and of what stands around them."""
    own, theme = colours(app), app.current_theme
    panel = Color.parse(theme.panel or ("#242a33" if theme.dark else "#e3e3dc")).rich_color
    return {
        "asked": Style(bgcolor=panel),
        "heading": Style(color=own.primary, bold=True, bgcolor=panel),
        "said": Style(),
        "thinking": Style(color=own.muted, italic=True),
        "fold": Style(color=own.muted),
        "foot": Style(color=own.muted),
        "going": Style(color=own.accent),
        "problem": Style(color=own.loss),
        "line": Style(color=own.muted),
        "cursor": Style(color=own.accent, bold=True),
        "name": Style(color=own.text, bold=True, bgcolor=panel),
        "state": Style(color=own.muted, bgcolor=panel),
        "wrong": Style(color=own.loss, bgcolor=panel),
        "here": Style(color=own.accent, bold=True, bgcolor=panel),
    }


def fitted(text: str, cells: int) -> str:
    """Cut a text to this width, or fill it up."""
    if cell_len(text) > cells:
        return f"{set_cell_size(text, max(cells - 1, 0))}…"
    return text + " " * (cells - cell_len(text))
