"""In which form, loaded by what."""

from __future__ import annotations

from dataclasses import replace

from textual.app import ComposeResult

from benchtui.backends.registry import find_backend
from benchtui.errors import BenchtuiError
from benchtui.models.layout import TrainedModel
from benchtui.models.selection import choose_format
from benchtui.text import one_line
from benchtui.wizard.options import format_options
from screens.widgets.choices import Choices
from screens.wizard.step import Step


class FormatStep(Step):
    HELP = (
        "One model may lie in several forms. The form decides which backend loads it. Compare like with like: a 4-bit "
        "model loses something by quantisation that training has nothing to do with."
    )
    question = "format"

    def controls(self) -> ComposeResult:
        yield Choices(id="format-choices")

    def enter(self) -> None:
        model = self.answers.model
        if model is not None:
            options = format_options(model, find_backend(self.answers.choice.backend))
            self.query_one(Choices).offer(options, self._label(model))
        self.query_one(Choices).focus()

    def _label(self, model: TrainedModel) -> str | None:
        """Which form was asked for, which may have been by another of its names (`4bit`, a path)."""
        choice = self.answers.choice
        if choice.format is None:
            return None
        try:
            backend = find_backend(choice.backend)
            form = choose_format(model, backend, choice.format, allow_pickle=choice.permissions.pickle)
        except BenchtuiError as error:
            self.page.tell(error.what, error.next_step)
            return None
        return form.label

    def on_choices_taken(self, message: Choices.Taken) -> None:
        message.stop()
        self.answers.choice = replace(self.answers.choice, format=message.option.value)
        self.answers.advice = None
        self.answered()

    @property
    def summary(self) -> str:
        return one_line(self.answers.choice.format or "best available", 40)
