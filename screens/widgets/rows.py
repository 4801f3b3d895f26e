"""A table that draws only what is in sight: a hundred thousand rows cost as much as ten."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

GAP = 2


@dataclass(frozen=True)
class Column:
    """`width` in cells at least; spare cells are shared out by `grow`. Where there is no room, columns with the highest
    `drop` are left out first; 0 is never left out."""

    title: str
    width: int
    grow: int = 0
    drop: int = 0
    right: bool = False


Cells = Callable[[int], Sequence[Text]]


def fit(columns: Sequence[Column], width: int) -> dict[int, int]:
    """Widths by the place of each column that has room."""
    kept = list(range(len(columns)))
    while len(kept) > 1:
        needed = sum(columns[place].width for place in kept) + GAP * (len(kept) - 1)
        droppable = [place for place in kept if columns[place].drop]
        if needed <= width or not droppable:
            break
        kept.remove(max(droppable, key=lambda place: columns[place].drop))
    widths = {place: columns[place].width for place in kept}
    spare = width - sum(widths.values()) - GAP * (len(kept) - 1)
    shares = sum(columns[place].grow for place in kept)
    if spare > 0 and shares:
        given = 0
        growing = [place for place in kept if columns[place].grow]
        for place in growing:
            part = spare * columns[place].grow // shares
            widths[place] += part
            given += part
        widths[growing[0]] += spare - given
    elif spare < 0:  # even what must be shown has no room: the widest gives way
        widest = max(kept, key=lambda place: widths[place])
        widths[widest] = max(widths[widest] + spare, 4)
    return widths


class Rows(ScrollView, can_focus=True):
    """Rows of cells with a cursor. `show` says how many there are and how to draw one; nothing else is kept."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"rows--header", "rows--cursor", "rows--blurred"}
    DEFAULT_CSS = """
    Rows { height: 1fr; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; overflow-x: hidden; }
    Rows > .rows--header { text-style: bold; color: $secondary; }
    Rows > .rows--cursor { background: $primary 30%; text-style: bold; }
    Rows > .rows--blurred { background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home,g", "edge(0)", "First", show=False),
        Binding("end,G", "edge(1)", "Last", show=False),
        Binding("enter", "choose", "Open", show=False),
    ]
    cursor: reactive[int] = reactive(0, repaint=False)

    class Moved(Message):
        """The cursor is on another row."""

        def __init__(self, rows: Rows, index: int) -> None:
            self.rows = rows
            self.index = index
            super().__init__()

        @property
        def control(self) -> Rows:
            return self.rows

    class Chosen(Moved):
        """Enter, or a click on the row that has the cursor."""

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        header: bool = True,
        empty: str = "",
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.columns = tuple(columns)
        self.count = 0
        self.empty = empty
        self._header = int(header)
        self._cells: Cells = lambda _: ()

    def show(self, count: int, cells: Cells, *, cursor: int | None = None) -> None:
        """Draw `count` rows; the cursor stays where it was, or goes to `cursor`."""
        self.count, self._cells = count, cells
        self.virtual_size = Size(self.size.width, count + self._header)
        target = self.cursor if cursor is None else cursor
        moved = min(max(target, 0), max(count - 1, 0))
        if moved == self.cursor:
            self.refresh()
            if count:
                self.post_message(self.Moved(self, moved))
        else:
            self.cursor = moved

    def redraw(self) -> None:
        """The same rows with new contents."""
        self.refresh()

    def column_width(self, place: int) -> int:
        """Cells that a column has now; 0 when it is left out."""
        return fit(self.columns, self.size.width - 2).get(place, 0)

    @property
    def visible_rows(self) -> range:
        """The rows in sight now."""
        top = round(self.scroll_offset.y)
        return range(min(top, self.count), min(top + self.size.height, self.count))

    def watch_cursor(self, _: int, new: int) -> None:
        if self.count:
            self.scroll_to_region(Region(0, new, 1, 1 + self._header), animate=False, force=True)
            self.post_message(self.Moved(self, new))
        self.refresh()

    def action_move(self, step: int) -> None:
        self.cursor = min(max(self.cursor + step, 0), max(self.count - 1, 0))

    def action_page(self, direction: int) -> None:
        self.action_move(direction * max(self.size.height - self._header - 1, 1))

    def action_edge(self, end: int) -> None:
        self.cursor = max(self.count - 1, 0) if end else 0

    def action_choose(self) -> None:
        if self.count:
            self.post_message(self.Chosen(self, self.cursor))

    def on_click(self, event: events.Click) -> None:
        index = round(self.scroll_offset.y) + event.y - self._header
        if event.y < self._header or not 0 <= index < self.count:
            return
        if index == self.cursor:
            self.action_choose()
        else:
            self.cursor = index

    def on_resize(self, event: events.Resize) -> None:
        self.virtual_size = Size(event.size.width, self.count + self._header)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y < self._header:
            titles = [Text(column.title) for column in self.columns]
            return self._strip(titles, width, "rows--header")
        if not self.count:
            text = [Text(self.empty if y == self._header else "", style="italic")]
            return self._line(text[0], width, "")
        index = round(self.scroll_offset.y) + y - self._header
        if index >= self.count:
            return Strip.blank(width, self.rich_style)
        cursor = "rows--cursor" if self.has_focus else "rows--blurred"
        return self._strip(self._cells(index), width, cursor if index == self.cursor else "")

    def _strip(self, cells: Sequence[Text], width: int, component: str) -> Strip:
        line = Text(" ", end="", no_wrap=True)
        widths = fit(self.columns, width - 2)
        for number, (place, room) in enumerate(widths.items()):
            if number:
                line.append(" " * GAP)
            cell = cells[place].copy() if place < len(cells) else Text()
            cell.truncate(room, overflow="ellipsis")
            padding = " " * max(room - cell.cell_len, 0)
            if self.columns[place].right:
                line.append(padding)
                line.append_text(cell)
            else:
                line.append_text(cell)
                line.append(padding)
        return self._line(line, width, component)

    def _line(self, line: Text, width: int, component: str) -> Strip:
        line.end = ""
        style = self.get_component_rich_style(component) if component else self.rich_style
        strip = Strip(list(Segment.apply_style(line.render(self.app.console), style)))
        return strip.adjust_cell_length(width, style)
