"""A wide table: the first column stays where it is, the others scroll; rows and columns have a cursor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from screens.widgets.rows import GAP, Column, Rows

LEAST_NAME = 16
"""Cells that the first column keeps where a single other one has no room beside it."""
LEFT = 1
_CELL = Style(reverse=True)


@dataclass(frozen=True)
class Place:
    """A column in sight: it begins `x` cells from the left and has `width` of them."""

    column: int
    x: int
    width: int


def in_sight(columns: Sequence[Column], first: int, width: int) -> list[Place]:
    """Return the first column, and behind it those from `first` on that have room; one of them has its place in any
    case. What is left over goes to the first one, up to its `grow`: the longest name."""
    shown: list[int] = []
    name = min(columns[0].width, max(width - GAP - columns[first].width, LEAST_NAME)) if len(columns) > 1 else width
    room = width - name
    for place in range(first, len(columns)):
        needed = GAP + columns[place].width
        if shown and needed > room:
            break
        shown.append(place)
        room -= needed
    name += max(min(room, columns[0].grow - name), 0)
    places, x = [Place(0, 0, name)], name + GAP
    for place in shown:
        size = min(columns[place].width, max(width - x, 0))
        places.append(Place(place, x, size))
        x += size + GAP
    return places


def middle(text: Text, width: int) -> Text:
    """Return `text` in `width` cells: what is cut out of a longer one is its middle, since names of one model differ at
    their ends."""
    if text.cell_len <= width:
        return text
    head, tail = text.copy(), text.copy()
    kept = 2 * width // 3
    head.truncate(max(width - kept - 1, 0))
    while tail.cell_len > kept:
        tail = tail[1:]
    return Text.assemble(head, "…", tail)


class Grid(Rows):
    """Rows with a cursor that is on one cell. Column 0 is the name of the row. A line of one cell, such as a heading,
    has the whole width."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "sideways(-1)", "Column before", show=False, tooltip="The column before"),
        Binding("right", "sideways(1)", "Column", show=False, tooltip="The next column"),
    ]
    column: reactive[int] = reactive(0, repaint=False)

    class Sideways(Message):
        """The cursor is in another column."""

    class Header(Message):
        """A column's title was clicked."""

        def __init__(self, column: int) -> None:
            self.column = column
            super().__init__()

    def __init__(self, columns: Sequence[Column], *, empty: str = "", id: str | None = None) -> None:  # noqa: A002
        super().__init__(columns, empty=empty, id=id)
        self._first = 1

    @property
    def places(self) -> list[Place]:
        """The columns in sight, from left to right."""
        return in_sight(
            self.columns, min(self._first, max(len(self.columns) - 1, 1)), max(self.size.width - LEFT - 2, 1)
        )

    def watch_column(self) -> None:
        self._follow()
        self.post_message(self.Sideways())
        self.refresh()

    def _follow(self) -> None:
        """Scroll so far that the column with the cursor is in sight."""
        last = len(self.columns) - 1
        if last < 1:
            return
        if self.column <= 1:
            self._first = 1
        elif self.column < self._first:
            self._first = self.column
        while self.column > self.places[-1].column and self._first < last:
            self._first += 1

    def keep_in_sight(self) -> None:
        """After `columns` have changed: the cursor is on one of them, and in sight."""
        self.column = min(self.column, max(len(self.columns) - 1, 0))
        self._first = min(self._first, max(len(self.columns) - 1, 1))
        self._follow()
        self.refresh()

    def action_sideways(self, step: int) -> None:
        self.column = min(max(self.column + step, 0), len(self.columns) - 1)

    def scroll_columns(self, step: int) -> None:
        self._first = min(max(self._first + step, 1), max(len(self.columns) - 1, 1))
        self.refresh()

    # The mouse.

    def _column_at(self, x: int) -> int:
        return next((place.column for place in reversed(self.places) if x - LEFT >= place.x), 0)

    def on_click(self, event: events.Click) -> None:
        column = self._column_at(event.x)
        if event.y < self._header:
            self.post_message(self.Header(column))
            return
        index = round(self.scroll_offset.y) + event.y - self._header
        if 0 <= index < self.count and (index, column) != (self.cursor, self.column):
            self.cursor, self.column = index, column
            event.prevent_default()

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        self._wheel(event, -1)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        self._wheel(event, 1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        if event.shift:
            self._wheel(event, -1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        if event.shift:
            self._wheel(event, 1)

    def _wheel(self, event: events.MouseEvent, step: int) -> None:
        event.prevent_default()
        event.stop()
        self.scroll_columns(step)

    def on_resize(self, event: events.Resize) -> None:
        del event
        self._follow()

    # Drawing.

    def _strip(self, cells: Sequence[Text], width: int, component: str) -> Strip:
        header = component == "rows--header"
        places = self.places
        if len(cells) == 1 and len(self.columns) > 1:
            places = [Place(0, 0, max(width - LEFT - 1, 1))]
        line = Text(" ", end="", no_wrap=True)
        for number, place in enumerate(places):
            line.append(" " * (place.x + LEFT - line.cell_len))
            if header and number == 1 and place.column > 1:  # there are columns to the left of it
                line = Text.assemble(line[:-1], "‹", end="", no_wrap=True)
            cell = cells[place.column].copy() if place.column < len(cells) else Text()
            if place.column == 0 and len(places) > 1:
                cell = middle(cell, place.width)
            cell.truncate(place.width, overflow="ellipsis")
            padding = " " * max(place.width - cell.cell_len, 0)
            at = len(line)
            if self.columns[place.column].right:
                line.append(padding)
                at += len(padding)
                line.append_text(cell)
            else:
                line.append_text(cell)
                line.append(padding)
            lit = place.column == self.column and self.has_focus and len(places) > 1
            if lit and (header or component == "rows--cursor"):
                line.stylize(_CELL, at, at + max(len(cell), 1))
        if header and places[-1].column < len(self.columns) - 1:
            line.append(" " * (width - 1 - line.cell_len) + "›")
        return self._line(line, width, component)
