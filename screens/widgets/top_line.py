"""The first line of every screen: where one is, and of which folder."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from benchtui.text import one_line
from screens.widgets.plain import Plain

_LEAST = 8


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
        names = [one_line(name, 60) for name in self._way]
        for place, name in enumerate(_fitting(names, room - left.cell_length - 3 * len(names))):
            last = place == len(names) - 1
            left += Content.assemble((" › ", "$secondary"), (name, "bold" if last else ""))
        right = one_line(self._right, max(room - left.cell_length - 2, 0)) if self._right else ""
        gap = room - left.cell_length - len(right)
        if right and gap >= 2:
            left += Content.assemble(" " * gap, (right, "$secondary"))
        self.update(left)


def _fitting(names: list[str], room: int) -> list[str]:
    """`names` in `room` cells: the longest are shortened first, and none below a few letters."""
    widths = [cell_len(name) for name in names]
    while sum(widths) > room and max(widths) > _LEAST:
        longest = widths.index(max(widths))
        widths[longest] -= 1
    return [
        name if cell_len(name) <= width else f"{set_cell_size(name, width - 1).rstrip()}…"
        for name, width in zip(names, widths, strict=True)
    ]
