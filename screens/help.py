"""F1: what the focused thing is for, and every key that works now."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen
from textual.widget import Widget

from screens.widgets.plain import Plain

_KEYS = {"escape": "Esc", "enter": "Enter", "space": "Space", "question_mark": "?", "slash": "/", "delete": "Del"}

_OF_TEXTUAL = ("Scroll ", "Page Left", "Page Right")
"""Keys of every scrollable widget, which need no explanation."""


class Help(ModalScreen[None]):
    """The help page for a screen as it is at the moment."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,q,enter", "close", "Close")]

    def __init__(self, of: Screen[object]) -> None:
        super().__init__(classes="dialog")
        self._words = help_for(of)
        self._keys = keys_of(of)

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="box help"):
            yield Plain(Content("Help"), classes="question")
            for words in self._words:
                yield Plain(Content(words), classes="about")
            width = max((len(key) for key, _ in self._keys), default=0)
            lines = [Content.assemble((key.ljust(width), "bold $accent"), "  ", words) for key, words in self._keys]
            yield Plain(Content("\n").join(lines))
            yield Plain(Content("Esc closes this."), classes="aside")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()

    def action_close(self) -> None:
        self.dismiss(None)


def help_for(screen: Screen[object]) -> list[str]:
    """Return what the focused widget says about itself, and then its screen."""
    found: list[str] = []
    node: DOMNode | None = screen.focused or screen
    while node is not None:
        words = getattr(node, "HELP", None)
        own = node.tooltip if isinstance(node, Widget) and isinstance(node.tooltip, str) else None
        for text in (own, words):
            if isinstance(text, str) and text.strip() and text not in found:
                found.append(" ".join(text.split()))
        node = node.parent
    return found


def keys_of(screen: Screen[object]) -> list[tuple[str, str]]:
    """Return key and description of everything that can be done now, each once; what stands in the footer comes
    first."""
    found: dict[str, list[str]] = {}
    active = sorted(screen.active_bindings.items(), key=lambda item: not item[1].binding.show)
    for key, one in active:
        words = one.binding.tooltip or one.binding.description
        if words and one.enabled and not one.binding.system and not words.startswith(_OF_TEXTUAL):
            found.setdefault(words, []).append(key_name(key))
    return [(", ".join(keys[:3]), words) for words, keys in found.items()]


def key_name(key: str) -> str:
    """Write "ctrl+t" as "Ctrl+T"."""
    if key in _KEYS:
        return _KEYS[key]
    if "+" in key:
        *before, last = key.split("+")
        return "+".join([*(part.capitalize() for part in before), last.upper()])
    return key.upper() if key.startswith("f") and key[1:].isdigit() else key
