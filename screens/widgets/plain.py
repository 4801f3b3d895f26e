"""Text that is only text: nothing in it is ever read as markup."""

from __future__ import annotations

from rich.text import Text
from textual.content import Content
from textual.visual import VisualType
from textual.widgets import Static

from benchtui.text import printable


class Plain(Static):
    """A Static for our own and foreign text; `show` makes foreign text safe first."""

    def __init__(self, content: VisualType = "", *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(content, markup=False, id=id, classes=classes)

    def show(self, text: str, limit: int | None = 100_000) -> None:
        self.update(Content(printable(text, limit)))


def paragraph(*parts: str | tuple[str, str]) -> Content:
    """Words with styles, made safe: `paragraph(("Base", "bold"), " ", name)`."""
    safe = [printable(part) if isinstance(part, str) else (printable(part[0]), part[1]) for part in parts]
    return Content.assemble(*safe)


def as_content(lines: list[Text]) -> Content:
    """Rich text lines as one piece of Textual's content."""
    return Content("\n").join([Content.from_rich_text(line) for line in lines])
