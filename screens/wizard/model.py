"""Which model."""

from __future__ import annotations

from dataclasses import replace

from textual.app import ComposeResult
from textual.widgets import Input

from benchtui.backends.registry import find_backend
from benchtui.models.layout import TrainedModel
from benchtui.models.listing import ListedModel, list_models
from benchtui.models.selection import find_usable
from benchtui.plans.choice import Choice, model_named, says_model
from benchtui.text import one_line
from benchtui.wizard.options import model_options
from screens.background import in_background
from screens.widgets.choices import Choices
from screens.widgets.plain import Plain
from screens.wizard.step import Step


def usable_model(choice: Choice, named: str) -> TrainedModel:
    """The model that is named so, where any of its forms can be evaluated. Raises BenchtuiError."""
    return find_usable(choice.outputs, named, find_backend(choice.backend), allow_pickle=choice.permissions.pickle)


class ModelStep(Step):
    HELP = (
        "Models are found in the outputs folder. A model is a folder with an adapter, merged weights, checkpoints or "
        "GGUF files. Anything else can be named below by its path or hub id."
    )
    question = "model"

    def controls(self) -> ComposeResult:
        yield Choices(id="models-choices")
        yield Plain("Another one, by path or hub id", classes="label")
        yield Input(placeholder="org/name or ./folder", id="model-path", compact=True)

    def enter(self) -> None:
        self.query_one(Choices).focus()
        outputs, name = self.outputs, self.answers.choice.backend
        in_background(
            self,
            lambda: list_models(outputs, find_backend(name)),
            self._take,
            self._no_list,
            group="step-models",
        )

    def _no_list(self, what: str, next_step: str) -> None:
        """Nothing to choose from: what is left is the field."""
        self.page.tell(what, next_step)
        self.query_one(Input).focus()

    def _take(self, listed: list[ListedModel]) -> None:
        self.answers.listed = tuple(listed)
        self.query_one(Choices).offer(model_options(listed), self.answers.choice.model)
        if not any(item.model.usable for item in listed):
            self.query_one(Input).focus()
        names = {item.model.name for item in listed}
        if (named := self.answers.choice.model) and named not in names:
            self.query_one(Input).value = named

    def on_choices_taken(self, message: Choices.Taken) -> None:
        message.stop()
        item = next(item for item in self.answers.listed if item.model.name == message.option.value)
        self.settle(item.model)
        self.answered()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        named = event.value.strip()
        if named:
            self.find_out(
                lambda: usable_model(self.answers.given, named), lambda model: self._named(named, model), group="find"
            )

    def _named(self, named: str, model: TrainedModel) -> None:
        self.settle(model, named)
        self.answered()

    def settle(self, model: TrainedModel, named: str | None = None) -> None:
        """Another model: what was found out about the one before no longer holds."""
        answers = self.answers
        if answers.model is None or answers.model.path != model.path:
            given = answers.given
            # A base and a format that were said beside another model's name are not said of this one.
            fits = given.model == named or says_model(given, model)
            base, form = (given.base, given.format) if fits else (None, None)
            name = named or model_named(given, model.name)
            answers.choice = replace(answers.choice, model=name, base=base, format=form)
            answers.base, answers.advice = None, None
            answers.model = model
        self.changed()

    @property
    def summary(self) -> str:
        return one_line(self.answers.choice.model or "", 60)
