"""The text of a document, token by token, with bars below it; only what is in sight is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from benchtui.reports.tokens.lines import BARS
from screens.themes import colours
from screens.tokens.layout import Cell, Layout
from screens.tokens.shades import shades

_BARS = BARS[True]
_HERE = Style(reverse=True, bold=True)
_NOTHING = Layout((), (), (), ())


class TokenText(ScrollView, can_focus=True):
    """`show` gives it a layout; the cursor is the number of a token, and is told to the screen as it moves."""

    HELP = (
        "The tokens of the text. Below each stands a bar in eight steps of what the colour shows (m changes it), and ^ "
        "where the likeliest tokens of the two models differ. ⏎ is a line end, ⟨E6 97⟩ bytes of a part of a character. "
        "What was not scored is dim and has no bars."
    )
    DEFAULT_CSS = """
    TokenText { height: 1fr; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; overflow-x: hidden; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", "Token before", show=False),
        Binding("right", "move(1)", "Next token", show=False),
        Binding("up,k", "line(-1)", "Line up", show=False),
        Binding("down,j", "line(1)", "Line down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home,g", "edge(0)", "First token", show=False),
        Binding("end,G", "edge(1)", "Last token", show=False),
    ]

    class Moved(Message):
        """The cursor is on another token."""

        def __init__(self, token: int) -> None:
            self.token = token
            super().__init__()

    class Resized(Message):
        """The text has to be set in lines again, of `width` columns."""

        def __init__(self, width: int) -> None:
            self.width = width
            super().__init__()

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.layout_shown = _NOTHING
        self.cursor = 0
        self._shades: Sequence[Style] = ()
        self._unscored = self._mark = self._here = Style()

    @property
    def columns(self) -> int:
        """The width that a text is set in: one column stays free at each side."""
        return max(self.size.width - 2, 8)

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _: self._recolour())
        self._recolour()

    def _recolour(self) -> None:
        own = colours(self.app)
        self._shades = shades(self.app)
        self._unscored, self._mark = Style(color=own.muted), Style(color=own.accent)
        self._here = Style(color=own.text, bold=True)
        self.refresh()

    def show(self, layout: Layout, cursor: int) -> None:
        """Draw a text; the cursor goes to a token."""
        self.replace(layout)
        self.go_to(cursor)

    def replace(self, layout: Layout) -> None:
        """Draw a text that has grown, or that is set in other lines; the cursor stays, and what is in sight."""
        self.layout_shown = layout
        self.virtual_size = Size(self.size.width, len(layout.rows))
        self.cursor = min(self.cursor, max(layout.tokens - 1, 0))
        self.refresh()

    def go_to(self, token: int) -> None:
        """Put the cursor on a token, and scroll to it."""
        self.cursor = min(max(token, 0), max(self.layout_shown.tokens - 1, 0))
        if self.layout_shown.tokens:
            rows = self.layout_shown.rows_of(self.cursor)
            self.scroll_to_region(Region(0, rows.start, 1, len(rows)), animate=False, force=True)
            self.post_message(self.Moved(self.cursor))
        self.refresh()

    def action_move(self, by: int) -> None:
        self.go_to(self.cursor + by)

    def action_line(self, by: int) -> None:
        if self.layout_shown.tokens:
            self.go_to(self.layout_shown.beside(self.cursor, by))

    def action_page(self, direction: int) -> None:
        if self.layout_shown.tokens:
            rows = len(self.layout_shown.rows_of(self.cursor))
            self.action_line(direction * max(self.size.height // max(rows, 1) - 1, 1))

    def action_edge(self, end: int) -> None:
        self.go_to(self.layout_shown.tokens - 1 if end else 0)

    def on_click(self, event: events.Click) -> None:
        token = self.layout_shown.at(round(self.scroll_offset.y) + event.y, event.x - 1)
        if token is not None:
            self.go_to(token)

    def on_resize(self) -> None:
        self.post_message(self.Resized(self.columns))

    def render_line(self, y: int) -> Strip:
        width, row, base = self.size.width, round(self.scroll_offset.y) + y, self.rich_style
        if row >= len(self.layout_shown.rows) or not self._shades:
            return Strip.blank(width, base)
        line, kind = self.layout_shown.rows[row]
        segments = [Segment(" ", base)]
        for cell in self.layout_shown.lines[line]:
            text, style = self._drawn(cell, kind)
            segments.append(Segment(text, base + style))
        return Strip(segments).adjust_cell_length(width, base)

    def _drawn(self, cell: Cell, kind: str) -> tuple[str, Style]:
        piece = cell.piece
        if piece.first < 0:
            return (cell.part if kind == "text" else " " * cell.width), self._unscored
        here = piece.first <= self.cursor <= piece.last
        if kind == "text":
            return cell.part, _HERE if here else self._shades[piece.step]
        sign = ""
        if cell.begins:
            sign = _BARS[piece.step] if kind == "bars" else "^" if piece.changed else ""
        style = self._here if here else self._unscored if kind == "bars" else self._mark
        return sign.ljust(cell.width)[: cell.width], style
