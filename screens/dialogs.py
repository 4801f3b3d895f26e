"""Small questions over a screen."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input

from benchtui.text import one_line, printable
from screens.widgets.plain import Plain


class Ask(ModalScreen[bool]):
    """Yes or no. The careful answer has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape", "answer(False)", "No"),
        Binding("left,right", "app.focus_next", show=False),
    ]

    def __init__(self, question: str, about: str = "", *, yes: str = "Yes", no: str = "No") -> None:
        super().__init__(classes="dialog")
        self._question, self._about = question, about
        self._yes, self._no = yes, no

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Plain(Content(printable(self._question, 400)), classes="question")
            if self._about:
                yield Plain(Content(printable(self._about, 1000)), classes="about")
            with Horizontal(classes="buttons"):
                yield Button(Content(f"{self._no} (n)"), id="no", variant="primary")
                yield Button(Content(f"{self._yes} (y)"), id="yes")

    def on_mount(self) -> None:
        self.query_one("#no").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)


class Enter(ModalScreen[str | None]):
    """One line of text; None when it was given up."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Never mind")]

    def __init__(self, question: str, about: str = "", *, value: str = "", placeholder: str = "") -> None:
        super().__init__(classes="dialog")
        self._question, self._about = question, about
        self._value, self._placeholder = value, placeholder

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Plain(Content(printable(self._question, 400)), classes="question")
            if self._about:
                yield Plain(Content(printable(self._about, 1000)), classes="about")
            yield Input(one_line(self._value, 2000), placeholder=self._placeholder)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)

    def action_leave(self) -> None:
        self.dismiss(None)
