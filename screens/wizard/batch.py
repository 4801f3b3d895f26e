"""The batch size."""

from __future__ import annotations

from dataclasses import replace

from textual.app import ComposeResult

from benchtui.backends.backend import BatchAdvice
from benchtui.backends.registry import find_backend
from benchtui.models.describe import describe
from benchtui.models.selection import choose_format
from benchtui.plans.choice import Choice
from benchtui.wizard.batch import advise_batch
from benchtui.wizard.options import batch_options
from screens.widgets.choices import Choices
from screens.widgets.plain import Plain
from screens.wizard.step import Answers, Step

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
        answers = self.answers
        if answers.advice is None and answers.model is not None:
            self.query_one("#batch-note", Plain).show("Looking at memory and at the model …")
            self.find_out(lambda: _advise(answers), self._advised, group="step-batch")

    def _advised(self, advice: BatchAdvice | None) -> None:
        self.answers.advice = advice
        self._offer()

    def _offer(self) -> None:
        choice, advice = self.answers.choice, self.answers.advice
        self.query_one(Choices).offer(batch_options(advice, choice.batch_size), str(choice.batch_size))
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


def _advise(answers: Answers) -> BatchAdvice | None:
    """In a thread: the description of an adapter is that of the model it stands on."""
    model, choice = answers.model, answers.choice
    if model is None or model.hub_id:
        return None
    form = choose_format(model, find_backend(choice.backend), choice.format, allow_pickle=choice.permissions.pickle)
    place = form.location if not form.adapter else _base_name(answers, choice)
    if place is None:
        return None
    described = describe(place, offline=choice.offline, allow_pickle=choice.permissions.pickle)
    return advise_batch(choice, described)


def _base_name(answers: Answers, choice: Choice) -> str | None:
    return choice.base or (answers.base.name if answers.base else None)
