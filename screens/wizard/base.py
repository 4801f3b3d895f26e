"""Compared with what."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from textual.app import ComposeResult
from textual.widgets import Input

from benchtui.backends.registry import find_backend
from benchtui.models.base import BaseChoice
from benchtui.text import one_line, printable
from benchtui.wizard.options import compare_options, known_base, near
from screens.widgets.choices import Choices
from screens.widgets.plain import Plain
from screens.wizard.step import Step


class BaseStep(Step):
    HELP = (
        "The same tasks are put to the base model and to yours, with the same prompts, and compared sample by "
        "sample. Base results are kept and used again as long as nothing that can change them has changed."
    )
    question = "base"

    def controls(self) -> ComposeResult:
        yield Choices(id="base-choices")
        yield Plain("Base model: a hub id or a folder", classes="label")
        yield Input(placeholder="org/name or ./folder", id="base-name", compact=True)
        yield Plain(id="base-note", classes="note")

    def enter(self) -> None:
        answers = self.answers
        self.query_one(Input).value = answers.choice.base or ""
        self.query_one(Choices).focus()
        if answers.model is None:
            return
        model, choice = answers.model, answers.choice
        self.find_out(
            lambda: known_base(model, find_backend(choice.backend), choice.format), self._take, group="step-base"
        )

    def _take(self, base: BaseChoice | None) -> None:
        answers = self.answers
        answers.base = base
        self.query_one(Choices).offer(compare_options(base), "compare" if answers.choice.compare else "alone")
        self.query_one(Input).value = answers.choice.base or (near(base.name) if base else "")
        if base is None:
            note = "Nothing in the model's files names its base: type it here."
        else:
            note = f"Named by {one_line(base.source_file, 80)}." + (
                f" {printable(base.note, 400)}." if base.note else ""
            )
        self.query_one("#base-note", Plain).show(note)

    def on_choices_taken(self, message: Choices.Taken) -> None:
        message.stop()
        compare = message.option.value == "compare"
        self.answers.choice = replace(self.answers.choice, compare=compare)
        if compare and not self.query_one(Input).value.strip():
            self.page.tell("The base model is not known.", "Type its hub id or folder below.")
            self.query_one(Input).focus()
            return
        self.answered()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.answers.choice = replace(self.answers.choice, compare=True)
        self.answered()

    def apply(self) -> bool:
        """What is typed is the base only where it is another one than the files name."""
        typed = self.query_one(Input).value.strip()
        known = self.answers.base
        if self.answers.choice.compare:
            other = typed if typed and (known is None or typed not in (known.name, near(known.name))) else None
            self.answers.choice = replace(self.answers.choice, base=other)
        return True

    @property
    def summary(self) -> str:
        choice, known = self.answers.choice, self.answers.base
        if not choice.compare:
            return "the model alone"
        name = choice.base or (known.name if known else "its base")
        return f"with {one_line(Path(name).name if name.startswith('/') else name, 60)}"
