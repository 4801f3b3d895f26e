"""A line for what went wrong and what to do about it; not there while all is well."""

from __future__ import annotations

from textual.content import Content

from benchtui.text import printable
from screens.widgets.plain import Plain


class Notice(Plain):
    """Hidden until `tell`; `clear` hides it again."""

    DEFAULT_CSS = """
    Notice { display: none; height: auto; max-height: 8; padding: 0 1; background: $error 20%; color: $foreground; }
    Notice.-shown { display: block; }
    """

    def tell(self, what: str, next_step: str = "") -> None:
        text = Content.assemble(("✗ ", "bold $error"), printable(what, 1000))
        if next_step:
            text += Content.assemble("\n", ("→ ", "bold"), (printable(next_step, 600), "bold"))
        self.update(text)
        self.add_class("-shown")

    def clear(self) -> None:
        self.remove_class("-shown")
