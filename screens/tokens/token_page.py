"""A screen with a text token by token, and what is known of the token at the cursor."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Container, VerticalScroll

from screens.page import Page
from screens.tokens.text import TokenText
from screens.widgets.plain import Plain


class TokenPage(Page):
    """Sub-classes give `draw_head` and `details`."""

    def __init__(self) -> None:
        super().__init__()
        self._detail_lines = -1

    def draw_head(self) -> None:
        """Draw the lines above the text, with `show_head`."""

    def details(self, position: int, width: int) -> Text | None:
        """Return the lines for the token at the cursor; None while no text is there."""
        del position, width
        return None

    def body(self) -> ComposeResult:
        yield Plain(id="token-head")
        with Container(id="tokens"):
            yield TokenText(id="token-text")
            with VerticalScroll(id="token-detail", can_focus=False):
                yield Plain(id="token-detail-text")

    def on_mount(self) -> None:
        self.query_one(TokenText).focus()
        self.app.theme_changed_signal.subscribe(self, lambda _: self.draw())

    def draw(self) -> None:
        """Draw all but the text itself."""
        self.draw_head()
        self.draw_details()

    def show_head(self, head: Text) -> None:
        """Show lines above the text."""
        self.query_one("#token-head", Plain).update(head)

    def on_token_text_moved(self) -> None:
        self.draw_details()

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw_details)

    def draw_details(self) -> None:
        """Draw what is known of the token at the cursor."""
        text, place = self.query_one(TokenText), self.query_one("#token-detail-text", Plain)
        if not text.layout_shown.tokens:
            return
        found = self.details(text.cursor, max(place.size.width, 30))
        if found is not None:
            lines = found.plain.count("\n")
            place.update(found, layout=lines != self._detail_lines)
            self._detail_lines = lines

    def say(self, words: str) -> None:
        """Tell something in passing."""
        self.notify(words, timeout=3, markup=False)
