"""The batch size."""

from __future__ import annotations

from dataclasses import replace

from textual.app import ComposeResult

from benchtui.wizard.batch import Suggestion, suggest_batch
from benchtui.wizard.options import batch_options
from screens.widgets.choices import Choices
from screens.widgets.plain import Plain
from screens.wizard.step import Step

_DEVICES = {"cpu": "CPU", "cuda": "GPU"}


class BatchStep(Step):
    HELP = (
        "More at once is faster as long as it fits into memory. Automatic goes by what is free when the model is "
        "loaded, and halves the number when memory runs out; nothing that was answered is lost then."
    )
    question = "batch"

    def controls(self) -> ComposeResult:
        yield Plain(id="batch-note", classes="note")
        yield Choices(id="batch-choices")

    def enter(self) -> None:
        self._offer()
        self.query_one(Choices).focus()
        answers, model = self.answers, self.answers.model
        if answers.batch is None and model is not None:
            self.query_one("#batch-note", Plain).show("Looking at memory and at the model …")
            choice, base = answers.choice, answers.base
            self.find_out(lambda: suggest_batch(choice, model, base), self._suggested, group="step-batch")

    def _suggested(self, suggestion: Suggestion) -> None:
        self.answers.batch = suggestion
        self._offer()

    def _offer(self) -> None:
        choice, suggestion = self.answers.choice, self.answers.batch or Suggestion()
        self.query_one(Choices).offer(batch_options(suggestion, choice.batch_size), str(choice.batch_size))
        advice = suggestion.advice
        words = f"Suggested: {advice.size} ({_DEVICES[advice.device]})." if advice else ""
        self.query_one("#batch-note", Plain).show(words)

    def on_choices_taken(self, message: Choices.Taken) -> None:
        message.stop()
        value = message.option.value
        self.answers.choice = replace(self.answers.choice, batch_size="auto" if value == "auto" else int(value))
        self.answered()

    @property
    def summary(self) -> str:
        size = self.answers.choice.batch_size
        return "automatic" if size == "auto" else str(size)
