"""A list to choose from, each answer explained where it is chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Spacing
from textual.message import Message
from textual.visual import Padding
from textual.widgets import OptionList
from textual.widgets.option_list import Option as ListOption

from benchtui.text import one_line, printable
from benchtui.wizard.options import Option


class Choices(OptionList):
    """Enter takes the answer under the cursor. Those that cannot be taken say why, and are passed over."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,space", "select", "Choose", show=True)]

    class Taken(Message):
        """An answer was chosen."""

        def __init__(self, choices: Choices, option: Option) -> None:
            self.choices = choices
            self.option = option
            super().__init__()

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, markup=False)
        self._answers: list[Option] = []

    def offer(self, answers: Sequence[Option], taken: str | None) -> None:
        """Show `answers`; the cursor goes to the one taken before, else to the recommended one."""
        self._answers = list(answers)
        inside = any(answer.heading for answer in self._answers)
        self.set_options([_prompt(answer, inside) for answer in self._answers])
        usable = [place for place, answer in enumerate(self._answers) if not answer.why_not and not answer.heading]
        wanted = [place for place in usable if self._answers[place].value == taken]
        advised = [place for place in usable if self._answers[place].recommended]
        self.highlighted = next(iter((*wanted, *advised, *usable)), None)

    @property
    def current(self) -> Option | None:
        """The answer under the cursor."""
        return None if self.highlighted is None else self._answers[self.highlighted]

    def point_at(self, wanted: Callable[[Option], bool]) -> None:
        """Put the cursor on the first answer that is `wanted` and can be taken."""
        for place, answer in enumerate(self._answers):
            if wanted(answer) and not answer.why_not and not answer.heading:
                self.highlighted = place
                return

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.Taken(self, self._answers[event.option_index]))


def _prompt(answer: Option, inside: bool) -> ListOption:
    """What stands in the list for `answer`; `inside`: below a heading. There the cursor reaches what cannot be taken as
    well, since what it lacks may stand below the edge of the screen."""
    if answer.heading and not answer.title:
        return ListOption(Padding(Content.styled(_words(answer.about), "$muted"), Spacing(0, 0, 0, 2)), disabled=True)
    if answer.heading:
        return ListOption(_heading(answer), disabled=not answer.why_not)
    off = bool(answer.why_not)
    text = Content.assemble(("✗ " if off else "", "$error"), (one_line(answer.title, 100), "" if off else "bold"))
    if answer.beside:
        text += Content.assemble("  ", (one_line(answer.beside, 60), "$secondary"))
    if answer.recommended and not off:
        text += Content.assemble("  ", ("recommended", "$accent"))
    below = answer.why_not or answer.about
    if below:
        text += Content.assemble("\n", (_words(below), "$warning" if off else "$muted"))
    return ListOption(Padding(text, Spacing(0, 0, 0, 2))) if inside else ListOption(text, disabled=off)


def _heading(answer: Option) -> Content:
    words = (_words(answer.why_not), "$warning") if answer.why_not else (_words(answer.about), "$muted")
    title = Content.assemble(("▪ ", "$accent"), (one_line(answer.title, 100), "bold $accent"))
    return title + Content.assemble("  ", (one_line(answer.beside, 60), "$secondary"), "\n", words)


def _words(text: str) -> str:
    return " ".join(printable(text, 600).split())
