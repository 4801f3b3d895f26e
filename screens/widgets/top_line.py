"""The first line of every screen: where one is, and of which folder."""

from __future__ import annotations

from textual.content import Content

from benchtui.text import one_line
from screens.widgets.plain import Plain


class TopLine(Plain):
    """`set` gives the way here, outermost first, and something for the right-hand end."""

    DEFAULT_CSS = """
    TopLine { dock: top; height: 1; padding: 0 1; background: $panel; color: $foreground; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._way: tuple[str, ...] = ()
        self._right = ""

    def set(self, *way: str, right: str = "") -> None:
        self._way, self._right = way, right
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        room = max(self.size.width - 2, 10)
        left = Content.assemble(("benchtui", "bold $accent"))
        for place, name in enumerate(self._way):
            last = place == len(self._way) - 1
            left += Content.assemble((" › ", "$secondary"), (one_line(name, 60), "bold" if last else ""))
        right = one_line(self._right, max(room - left.cell_length - 2, 0)) if self._right else ""
        gap = room - left.cell_length - len(right)
        if right and gap >= 2:
            left += Content.assemble(" " * gap, (right, "$secondary"))
        self.update(left)
