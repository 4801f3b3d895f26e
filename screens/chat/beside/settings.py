"""How answers are written from now on: how tokens are drawn, when a text ends, and the system prompt."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, TextArea

from benchtui.errors import BenchtuiError, UsageError
from benchtui.routing.records import Sampling
from benchtui.settings.sampling import check_number
from benchtui.text import one_line, printable
from screens.chat.talk import Talk
from screens.page import Page
from screens.widgets.plain import Plain

MOST_TOKENS = 1 << 20
"""The most new tokens of an answer that can be asked for."""
MOST_STOPS = 64
_ESCAPED = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_MEANT = {said[1]: meant for meant, said in _ESCAPED.items()}
_FIELDS = {
    "temperature": "Temperature",
    "top_k": "Top-k",
    "top_p": "Top-p",
    "min_p": "Min-p",
    "seed": "Seed",
    "max_new_tokens": "New tokens",
}
_DRAWN = "Tokens are drawn by the seed: the same messages give the same answer."
_LIKELIEST = "At temperature 0 the likeliest token is taken: top-k, top-p, min-p and seed change nothing."


@dataclass(frozen=True)
class Writing:
    """What was chosen."""

    sampling: Sampling
    system: str | None


def sampling_typed(said: Mapping[str, str], stops: str) -> Sampling:
    """Return the settings that were typed, by their names, and the stop strings, one a line. Raises UsageError with the
    words for a field that cannot be read."""
    values: dict[str, float | int] = {}
    for name in ("temperature", "top_k", "top_p", "min_p"):
        values[name] = _number(name, said[name])
    seed = _whole("seed", said["seed"], 0, 2**32 - 1)
    most = _whole("max_new_tokens", said["max_new_tokens"], 1, MOST_TOKENS)
    return Sampling(**values, max_new_tokens=most, stop=_stops(stops), seed=seed)  # type: ignore[arg-type]


def _number(name: str, text: str) -> float | int:
    try:
        typed: object = int(text) if name == "top_k" else float(text)
    except ValueError:
        typed = None
    try:
        return check_number(name, typed)
    except ValueError as error:
        raise _wrong(name, text, str(error)) from None


def _whole(name: str, text: str, least: int, most: int) -> int:
    typed = text.strip().replace(",", "")
    if not re.fullmatch(r"[0-9]{1,10}", typed) or not least <= int(typed) <= most:
        raise _wrong(name, text, f"a whole number from {least:,} to {most:,}")
    return int(typed)


def _wrong(name: str, text: str, expected: str) -> UsageError:
    return UsageError(f"{_FIELDS[name]} must be {expected}, not {one_line(text, 30) or 'nothing'}.", "Correct it.")


def _stops(text: str) -> tuple[str, ...]:
    lines = [line for line in text.split("\n") if line]
    if len(lines) > MOST_STOPS:
        raise UsageError(f"{len(lines):,} stop strings are more than {MOST_STOPS}.", "Leave some out.")
    return tuple(dict.fromkeys(map(_unescaped, lines)))


def _unescaped(line: str) -> str:
    def meant(found: re.Match[str]) -> str:
        if (sign := found[1]) not in _MEANT:
            raise UsageError(
                f"\\{sign} in a stop string means nothing.", "Write \\n, \\r, \\t, or \\\\ for a backslash."
            )
        return _MEANT[sign]

    return re.sub(r"\\(.?)", meant, line)


def stops_said(stops: tuple[str, ...]) -> str:
    """Return stop strings as they are typed: one a line, line ends in them as \\n."""
    return "\n".join("".join(_ESCAPED.get(sign, sign) for sign in stop) for stop in stops)


class ChatSettings(ModalScreen[Writing | None]):
    """What is taken is given back; None when it was given up."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "take", "Use", priority=True),
        Binding("escape", "leave", "Never mind"),
    ]

    def __init__(self, sampling: Sampling, system: str | None) -> None:
        super().__init__(classes="dialog")
        self._sampling, self._system = sampling, system
        self._shown_system = printable(system or "")
        self._shown_stops = printable(stops_said(sampling.stop))

    def compose(self) -> ComposeResult:
        sampling = self._sampling
        with Vertical(classes="box", id="chat-settings"):
            yield Plain("How answers are written from now on", classes="question")
            for row in (list(_FIELDS)[:3], list(_FIELDS)[3:]):
                with Horizontal(classes="fields"):
                    for name in row:
                        with Vertical():
                            yield Plain(_FIELDS[name], classes="label")
                            yield Input(_said(getattr(sampling, name)), id=name, compact=True)
            yield Plain(id="chat-settings-note", classes="note")
            yield Plain("Stop strings, one a line; \\n is a line end", classes="label")
            yield TextArea(self._shown_stops, id="stops", compact=True)
            yield Plain("System prompt; empty for none", classes="label")
            yield TextArea(self._shown_system, id="system", compact=True)
            with Horizontal(classes="buttons"):
                yield Button(Content("Use (Ctrl+S)"), id="take", compact=True, variant="primary")
                yield Button(Content("Never mind (Esc)"), id="leave", compact=True)

    def on_mount(self) -> None:
        self.query_one("#temperature").focus()
        self._note()

    def on_input_changed(self) -> None:
        self._note()

    def on_text_area_changed(self) -> None:
        self._note()

    def on_input_submitted(self) -> None:
        self.action_take()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "take":
            self.action_take()
        else:
            self.action_leave()

    def _typed(self) -> Writing:
        """What was typed. Raises UsageError where it cannot be read."""
        said = {name: self.query_one(f"#{name}", Input).value for name in _FIELDS}
        stops, system = self.query_one("#stops", TextArea).text, self.query_one("#system", TextArea).text
        sampling = sampling_typed(said, stops_said(self._sampling.stop) if stops == self._shown_stops else stops)
        # What was left as it is shown stays as it was, with all that a screen cannot show.
        return Writing(sampling, self._system if system == self._shown_system else system or None)

    def _note(self) -> None:
        note = self.query_one("#chat-settings-note", Plain)
        try:
            typed = self._typed()
        except UsageError as error:
            note.update(Content.assemble(("✗ ", "bold $error"), printable(error.what, 300)))
            return
        note.show(_DRAWN if typed.sampling.samples else _LIKELIEST)

    def action_take(self) -> None:
        try:
            typed = self._typed()
        except UsageError:
            return  # the note says what is wrong
        self.dismiss(typed)

    def action_leave(self) -> None:
        self.dismiss(None)


def _said(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def ask_settings(page: Page, talk: Talk, changed: Callable[[], None] = lambda: None) -> None:
    """Ask for the settings over a page, and change those of its chat; then call `changed`."""
    conversation = talk.conversation

    def taken(writing: Writing | None) -> None:
        if writing is None or writing == Writing(conversation.sampling, conversation.system):
            return
        try:
            talk.change(writing.sampling, writing.system)
            changed()
        except BenchtuiError as error:
            page.tell(error.what, error.next_step)

    page.app.push_screen(ChatSettings(conversation.sampling, conversation.system), taken)
