"""Where one writes to the models."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from benchtui.text import printable


class Composer(TextArea):
    """Enter sends, Ctrl+J begins a new line, Up in the first line brings back what was sent before."""

    HELP = (
        "Write to the models. Enter sends, Ctrl+J (in most terminals also Shift+Enter) begins a new line. Up in the "
        "first line brings back what was sent before. Tab goes to what was said, where the other keys work."
    )
    DEFAULT_CSS = """
    Composer { height: auto; max-height: 10; min-height: 3; padding: 0 1; background: $surface; border: round $panel;
               border-title-color: $accent; border-subtitle-color: $secondary; }
    Composer:focus { border: round $primary; }
    Composer .text-area--placeholder { color: $secondary; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "Send", tooltip="Send the message to all models"),
        Binding("shift+enter,ctrl+j", "new_line", "New line", show=False, tooltip="Begin a new line"),
        Binding("up", "older", "Earlier message", show=False, tooltip="In the first line: what was sent before"),
        Binding("down", "newer", "Later message", show=False),
    ]

    class Sent(Message):
        """A message was written."""

        def __init__(self, text: str) -> None:
            self.text = text
            super().__init__()

    def __init__(self, placeholder: str, id: str | None = None) -> None:  # noqa: A002
        super().__init__(placeholder=placeholder, id=id, soft_wrap=True, highlight_cursor_line=False)
        self._sent: list[str] = []
        self._place = 0
        self._draft = ""

    def remember(self, texts: list[str]) -> None:
        """Bring these back with Up, the last first."""
        self._sent = texts
        self._place = len(texts)

    def put(self, text: str) -> None:
        """Write a text there, the cursor behind it."""
        self.load_text(printable(text))
        self.move_cursor(self.document.end)

    async def _on_key(self, event: events.Key) -> None:
        """Send on Enter, after the keys before it: a binding with priority would overtake what is typed fast."""
        if event.key == "enter":
            event.prevent_default()
            event.stop()
            self.action_send()

    def action_send(self) -> None:
        text = self.text.strip("\n")
        if text.strip():
            self.load_text("")
            self.post_message(self.Sent(text))

    def action_new_line(self) -> None:
        self.insert("\n")

    def action_older(self) -> None:
        if self.cursor_location[0] > 0 or not self._place:
            self.action_cursor_up()
            return
        if self._place == len(self._sent):
            self._draft = self.text
        self._place -= 1
        self.put(self._sent[self._place])

    def action_newer(self) -> None:
        if self.cursor_location[0] < self.document.line_count - 1 or self._place >= len(self._sent):
            self.action_cursor_down()
            return
        self._place += 1
        self.put(self._sent[self._place] if self._place < len(self._sent) else self._draft)

    async def _on_paste(self, event: events.Paste) -> None:
        """Paste text without what could steer the terminal."""
        event.prevent_default()
        event.stop()
        if result := self._replace_via_keyboard(printable(event.text), *self.selection):
            self.move_cursor(result.end_location)
