"""In which form, loaded by what."""

from __future__ import annotations

from dataclasses import replace

from textual.app import ComposeResult

from benchtui.text import one_line
from benchtui.wizard.options import format_options
from screens.steps.step import Step
from screens.widgets.choices import Choices


class FormatStep(Step):
    HELP = (
        "One model may lie in several forms. The form decides which backend loads it. Compare like with like: a 4-bit "
        "model loses something by quantisation that training has nothing to do with."
    )
    question = "format"

    def controls(self) -> ComposeResult:
        yield Choices(id="format-choices")

    def enter(self) -> None:
        if self.answers.model is not None:
            self.query_one(Choices).offer(format_options(self.answers.model), self.answers.choice.format)
        self.query_one(Choices).focus()

    def on_choices_taken(self, message: Choices.Taken) -> None:
        message.stop()
        self.answers.choice = replace(self.answers.choice, format=message.option.value)
        self.answers.advice = None
        self.answered()

    @property
    def summary(self) -> str:
        return one_line(self.answers.choice.format or "the best there is", 40)
