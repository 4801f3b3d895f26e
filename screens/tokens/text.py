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

    @property
    def columns(self) -> int:
        """The width that a text is set in: one column stays free at each side."""
        return max(self.size.width - 2, 8)

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _: self._recolour())
        self._recolour()

    def _recolour(self) -> None:
        self._shades = shades(self.app)
        self.refresh()

    def show(self, layout: Layout, cursor: int) -> None:
        """Draw a text; the cursor goes to a token."""
        self.layout_shown = layout
        self.virtual_size = Size(self.size.width, len(layout.rows))
        self.go_to(cursor)

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
        width, row = self.size.width, round(self.scroll_offset.y) + y
        if row >= len(self.layout_shown.rows):
            return Strip.blank(width, self.rich_style)
        line, kind = self.layout_shown.rows[row]
        segments = [Segment(" ", self.rich_style)]
        for cell in self.layout_shown.lines[line]:
            text, style = self._drawn(cell, kind)
            segments.append(Segment(text, self.rich_style + style))
        return Strip(segments).adjust_cell_length(width, self.rich_style)

    def _drawn(self, cell: Cell, kind: str) -> tuple[str, Style]:
        piece = cell.piece
        scored = piece.first >= 0
        here = scored and piece.first <= self.cursor <= piece.last
        if kind == "text":
            if not scored:
                return cell.part, Style(color=colours(self.app).muted)
            if here:
                return cell.part, Style(reverse=True, bold=True)
            return cell.part, self._shades[piece.step] if self._shades else Style()
        sign = ""
        if scored and cell.begins:
            sign = _BARS[piece.step] if kind == "bars" else "^" if piece.changed else ""
        own = colours(self.app)
        style = Style(color=own.text if here else own.muted if kind == "bars" else own.accent, bold=here)
        return sign.ljust(cell.width)[: cell.width], style
