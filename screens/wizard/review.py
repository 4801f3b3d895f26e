"""Everything once more, what could go wrong, and the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Input, Select

from benchtui.doctor.check import Check
from benchtui.durations import duration_words, parse_duration
from benchtui.errors import UsageError
from benchtui.plans.command import command_line, other_settings
from benchtui.reports.wording.glyphs import CHECKED
from benchtui.text import one_line, printable
from benchtui.wizard.preflight import preflight, refusal
from screens.widgets.plain import Plain
from screens.wizard.step import Step

_TEMPLATES: Mapping[str, str] = {
    "auto": "auto: when both have one",
    "on": "on: demand it",
    "off": "off: plain prompts",
}


def _templates(chosen: str) -> Mapping[str, str]:
    """Return what can be chosen, with a file that was named before."""
    return _TEMPLATES if chosen in _TEMPLATES else {**_TEMPLATES, chosen: one_line(f"From {chosen}", 60)}


class ReviewStep(Step):
    HELP = (
        "What was looked at before the start: the same as `benchtui doctor` and the first second of a run. The timeout "
        "is the longest time without a sign of life (30min, 10m, 600s); without one a hung run waits for ever. The "
        "command below does the same without questions; c copies it."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "start", "Start", tooltip="Start the benchmark; it goes on without this window"),
        Binding("c", "copy", "Copy command", tooltip="Copy the equivalent command line"),
    ]
    question = "review"
    _refused: Check | None = None
    """Why nothing can be started with these answers, as far as that is known by now."""

    class Start(Message):
        """Now."""

    def controls(self) -> ComposeResult:
        with Horizontal(classes="fields"):
            with Vertical():
                yield Plain("Chat template", classes="label")
                options = [(words, name) for name, words in _templates(self.answers.choice.chat_template).items()]
                yield Select(
                    options, value=self.answers.choice.chat_template, allow_blank=False, id="template", compact=True
                )
            with Vertical():
                yield Plain("Timeout", classes="label")
                yield Input(placeholder="never, or 30min", id="timeout", compact=True)
        yield Plain(id="others", classes="note")
        with VerticalScroll(id="checks", can_focus=True):
            yield Plain(id="checks-text")
        yield Plain(id="command")
        with Horizontal(classes="buttons"):
            yield Button(Content("Start (s)"), id="start", variant="primary", compact=True)
            yield Button(Content("Copy command (c)"), id="copy", compact=True)

    def enter(self) -> None:
        choice = self.answers.choice
        self.query_one("#timeout", Input).value = duration_words(choice.timeout) if choice.timeout else ""
        self.query_one(Select).set_options([(words, name) for name, words in _templates(choice.chat_template).items()])
        self.query_one(Select).value = choice.chat_template
        others = other_settings(choice)
        self.query_one("#others", Plain).display = bool(others)
        self.query_one("#others", Plain).show(printable("Also set: " + "  ".join(others), 1000))
        self._show_command()
        self.query_one("#start", Button).focus()
        self._check()

    def _check(self) -> None:
        choice = self.answers.choice
        self._refuse(None)
        self.query_one("#checks-text", Plain).show("Checking …")
        self.find_out(lambda: preflight(choice), self._checked, group="preflight")

    def _checked(self, checks: list[Check]) -> None:
        colours = self.page.colours
        shades = {"ok": colours.gain, "absent": colours.muted, "warning": colours.warning, "problem": colours.loss}
        grid = Table.grid(padding=(0, 1, 0, 0))
        for check in checks:
            words = Text(printable(check.message, 500))
            if check.next_step and check.status != "ok":
                words.append(f"\n→ {printable(check.next_step, 400)}", style="bold")
            glyph = Text(CHECKED[check.status], style=shades[check.status])
            grid.add_row(glyph, Text(printable(check.name, 20), style=colours.muted), words)
        self.query_one("#checks-text", Plain).update(grid)
        self._refuse(refusal(checks))

    def _refuse(self, why: Check | None) -> None:
        """Take away the start, and its focus, where the run would be refused; give it back where it would not."""
        start, before = self.query_one("#start", Button), self._refused
        self._refused = why
        if why is not None and start.has_focus:
            self.query_one("#checks").focus()
        start.disabled = why is not None
        if before is not None and why is None and self.query_one("#checks").has_focus:
            start.focus()

    def _show_command(self) -> None:
        command = command_line(self.answers.choice)
        shown = printable(command, 2000)
        whole = shown == command
        hint = "" if whole else "  (c copies all of it: not everything can be shown here)"
        self.query_one("#command", Plain).update(Content.assemble(("$ ", "$muted"), shown, (hint, "$warning")))

    def on_select_changed(self, event: Select.Changed) -> None:
        event.stop()
        stale = event.value != event.select.value  # of options that were exchanged since
        if not stale and isinstance(event.value, str) and event.value != self.answers.choice.chat_template:
            self.answers.choice = replace(self.answers.choice, chat_template=event.value)
            self._show_command()
            self._check()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self._timeout_read(tell=False):
            self._show_command()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._timeout_read(tell=True):
            self.query_one("#start", Button).focus()

    def _timeout_read(self, *, tell: bool) -> bool:
        typed = self.query_one("#timeout", Input).value.strip()
        try:
            timeout = parse_duration(typed) if typed else None
        except UsageError as error:
            if tell:
                self.page.tell(error.what, error.next_step)
                self.query_one("#timeout", Input).focus()
            return False
        if timeout != self.answers.choice.timeout:
            self.answers.choice = replace(self.answers.choice, timeout=timeout)
        return True

    def apply(self) -> bool:
        return self._timeout_read(tell=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "copy":
            self.action_copy()
        else:
            self.action_start()

    def action_copy(self) -> None:
        self.page.navigator.copy(command_line(self.answers.choice), "the command")

    def action_start(self) -> None:
        if self._refused is not None:
            self.page.tell(self._refused.message, self._refused.next_step)
        elif self.apply():
            self.post_message(self.Start())

    @property
    def summary(self) -> str:
        return ""
