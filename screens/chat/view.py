"""The turns of a chat, the answers of the models side by side; only what is in sight is drawn, and only what has
changed is set in lines again."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from benchtui.runs.kinds.chat.asked import Turn
from screens.chat.boxes import Shown, TurnBox
from screens.chat.columns import GUTTER, Columns
from screens.chat.looks import fitted, styles

HEAD = 2
"""Rows above the turns, which stay in sight: a model's name, and its state."""
Answers = Callable[[Turn, int], tuple[Shown | None, str]]
"""What is shown of a model's answer to a turn, or why there is none."""


class ChatView(ScrollView, can_focus=True):
    """`show` gives it the turns. The cursor is a turn and a model. It stays at the end while the end is in sight."""

    HELP = (
        "What was said. Up and down go from turn to turn, left and right from model to model; the keys below act on "
        "the answer under the cursor. Tab or Enter goes to where one writes."
    )
    DEFAULT_CSS = """
    ChatView { height: 1fr; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; overflow-x: hidden;
               overflow-y: scroll; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("left", "model(-1)", "Model before", show=False),
        Binding("right", "model(1)", "Next model", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "edge(0)", "First turn", show=False),
        Binding("end", "edge(1)", "Last turn", show=False),
    ]

    class Moved(Message):
        """The cursor is somewhere else."""

    class Folding(Message):
        """The line of folded thinking at the cursor was clicked."""

    def __init__(self, models: int, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.models = models
        self.turn = 0
        """The place of the turn that has the cursor."""
        self.model = 0
        self._turns: Sequence[Turn] = ()
        self._boxes: list[TurnBox] = []
        self._tops: list[int] = [0]
        self._heads: Sequence[tuple[str, str, bool]] = [("", "", False)] * models
        self._headings: Callable[[Turn], str] = lambda _: ""
        self._answers: Answers = lambda *_: (None, "")
        self.columns = Columns(models, 10)
        """Those that the lines were made for."""
        self._styles: dict[str, Style] = {}

    # What is shown.

    @property
    def wide(self) -> int:
        """Cells beside the scrollbar."""
        return self.scrollable_content_region.width

    def _columns_now(self) -> Columns:
        return Columns(self.models, max(self.wide, 10), self.model)

    def show(
        self,
        turns: Sequence[Turn],
        heads: Sequence[tuple[str, str, bool]],
        headings: Callable[[Turn], str],
        answers: Answers,
        since: int = 0,
    ) -> None:
        """Show turns, and what has changed of their answers, of those from the place `since` on. `heads` are the name,
        the state and whether it is a problem of each model; `headings` what stands above a message."""
        if heads != self._heads:
            self._heads = heads
            self.refresh(self.size.region)
        self._turns, self._headings, self._answers = turns, headings, answers
        self._update(since)

    def _update(self, since: int = 0) -> None:
        columns, before = self._columns_now(), self.columns
        self.columns = columns
        if (columns.width, columns.shown) != (before.width, before.shown):
            self._boxes.clear()
        end = self.at_end
        changed = self._set_in_lines(columns, since)
        if changed is None:
            return
        del self._tops[changed + 1 :]
        for box in self._boxes[changed:]:
            self._tops.append(self._tops[-1] + box.height)
        self.virtual_size = Size(self.wide, self._tops[-1] + HEAD)
        self.turn = min(self.turn, max(len(self._turns) - 1, 0))
        if end and not self.at_end:
            self.scroll_to(y=self.max_scroll_y, animate=False, force=True)
        first = self._tops[changed] + HEAD - round(self.scroll_offset.y)
        if first < self.size.height:
            self.refresh_lines(max(first, HEAD) + round(self.scroll_offset.y), self.size.height)

    def _set_in_lines(self, columns: Columns, since: int) -> int | None:
        """Bring the boxes up to date; returns the place of the first that has changed, None where none has."""
        first = None if len(self._boxes) == len(self._turns) else min(len(self._boxes), len(self._turns))
        del self._boxes[len(self._turns) :]
        for place in range(min(since, len(self._boxes)), len(self._turns)):
            turn = self._turns[place]
            if place == len(self._boxes):
                self._boxes.append(TurnBox(columns.text_widths, columns.width - GUTTER - 1))
            answers = [self._answers(turn, model) for model in columns.shown]
            if self._boxes[place].show(turn, self._headings(turn), answers) and (first is None or place < first):
                first = place
        return first

    @property
    def at_end(self) -> bool:
        """Whether the last line is in sight."""
        return self.scroll_offset.y >= self.max_scroll_y

    def go_to_end(self) -> None:
        """Show the last line, and keep it in sight."""
        self.turn = max(len(self._turns) - 1, 0)
        self.scroll_to(y=self.max_scroll_y, animate=False, force=True)
        self.refresh()

    # The cursor.

    def action_move(self, by: int) -> None:
        """Go to another turn; where this one goes on beyond the edge of the screen, there first."""
        top, bottom = self._edges(self.turn)
        seen_top = round(self.scroll_offset.y)
        seen_bottom = seen_top + self.size.height - HEAD
        if by > 0 and bottom > seen_bottom and top < seen_bottom:
            self.scroll_relative(y=min(3, bottom - seen_bottom), animate=False, force=True)
        elif by < 0 and top < seen_top < bottom:
            self.scroll_relative(y=-min(3, seen_top - top), animate=False, force=True)
        else:
            self._go_to(self.turn + by)

    def _go_to(self, turn: int) -> None:
        if not self._turns:
            return
        back = turn < self.turn
        self.turn = min(max(turn, 0), len(self._turns) - 1)
        top, bottom = self._edges(self.turn)
        seen = self.size.height - HEAD
        if top < self.scroll_offset.y or bottom > self.scroll_offset.y + seen:
            fits = bottom - top <= seen
            y = (top if fits else bottom - seen) if back else (bottom - seen if fits else top)
            self.scroll_to(y=max(y, 0), animate=False, force=True)
        self._moved()

    def _edges(self, turn: int) -> tuple[int, int]:
        return (self._tops[turn], self._tops[turn + 1]) if turn + 1 < len(self._tops) else (0, 0)

    def action_model(self, by: int) -> None:
        """Go to the answer of another model."""
        self.go_to_model(self.model + by)

    def go_to_model(self, model: int) -> None:
        """Go to the answer of the model of this number."""
        self.model = min(max(model, 0), self.models - 1)
        self._update()
        self._moved()

    def action_page(self, direction: int) -> None:
        seen = max(self.size.height - HEAD - 1, 1)
        self.scroll_relative(y=direction * seen, animate=False, force=True)
        target = round(min(max(self.scroll_offset.y, 0), self.max_scroll_y)) + seen // 2
        self.turn = min(max(bisect_right(self._tops, target) - 1, 0), max(len(self._turns) - 1, 0))
        self._moved()

    def action_edge(self, end: int) -> None:
        if end:
            self.go_to_end()
            self._moved()
        else:
            self._go_to(0)
            self.scroll_to(y=0, animate=False, force=True)

    def _moved(self) -> None:
        self.refresh()
        self.post_message(self.Moved())

    def on_click(self, event: events.Click) -> None:
        columns = self.columns
        place = columns.column_at(event.x)
        row = round(self.scroll_offset.y) + event.y - HEAD
        self.model = columns.shown[place]
        if event.y >= HEAD and 0 <= row < self._tops[-1]:
            self.turn = bisect_right(self._tops, row) - 1
            box = self._boxes[self.turn]
            if box.boxes[place].fold == row - self._tops[self.turn] - len(box.asked) - 1:
                self.post_message(self.Folding())
        self._moved()

    def on_resize(self) -> None:
        self._update()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    # Drawing.

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _: self._recolour())
        self._recolour()

    def _recolour(self) -> None:
        self._styles = styles(self.app)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width, base = self.wide, self.rich_style
        if not self._styles:
            return Strip.blank(width, base)
        segments = self._head(y) if y < HEAD else self._row(round(self.scroll_offset.y) + y - HEAD)
        return Strip([Segment(text, base + style) for text, style in segments]).adjust_cell_length(width, base)

    def _head(self, y: int) -> list[tuple[str, Style]]:
        columns, own = self.columns, self._styles
        found: list[tuple[str, Style]] = []
        for model, cells in zip(columns.shown, columns.cells, strict=True):
            if found:
                found.append(("│", own["state"]))
            name, state, wrong = self._heads[model]
            here = model == self.model and self.has_focus
            if y == 0:
                more = self._more(columns, model)
                found.append(("▌ " if here else "  ", own["here"]))
                found.append((fitted(f"{model + 1} {name}", cells - GUTTER - cell_len(more)), own["name"]))
                found.append((more, own["here"]))
            else:
                found.append((fitted(f"  {state}", cells), own["wrong" if wrong else "state"]))
        return found

    def _more(self, columns: Columns, model: int) -> str:
        """How many models are beyond the edge."""
        shown = columns.shown
        before = f" ← {shown[0]}" if model == shown[0] and shown[0] else ""
        after = f" {self.models - shown[-1] - 1} →" if model == shown[-1] and shown[-1] + 1 < self.models else ""
        return f"{before}{after} " if before or after else ""

    def _row(self, row: int) -> list[tuple[str, Style]]:
        if not 0 <= row < self._tops[-1]:
            return []
        place = bisect_right(self._tops, row) - 1
        box, inside = self._boxes[place], row - self._tops[place]
        here = place == self.turn and self.has_focus
        if inside < len(box.asked):
            text, look = box.asked[inside]
            return [("  ", self._styles[look]), (fitted(text, self.wide - GUTTER), self._styles[look])]
        inside -= len(box.asked) + 1
        if inside < 0 or row == self._tops[place + 1] - 1:
            return []
        return self._answer_row(box, inside, here)

    def _answer_row(self, box: TurnBox, inside: int, here: bool) -> list[tuple[str, Style]]:
        columns, found = self.columns, list[tuple[str, Style]]()
        for place, (model, cells) in enumerate(zip(columns.shown, columns.cells, strict=True)):
            if place:
                found.append(("│", self._styles["line"]))
            line = box.answer_line(place, inside)
            mark = "▌ " if here and model == self.model and line is not None else "  "
            found.append((mark, self._styles["cursor"]))
            text, look = line or ("", "said")
            found.append((fitted(text, cells - GUTTER), self._styles[look]))
        return found
