"""Which model."""

from __future__ import annotations

from dataclasses import dataclass, replace

from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Input

from benchtui.backends.registry import find_backend
from benchtui.errors import BenchtuiError
from benchtui.models.layout import TrainedModel
from benchtui.models.listing import ListedModel, list_models
from benchtui.plans.choice import Choice, model_named, says_model
from benchtui.text import one_line
from benchtui.wizard.backends import KnownBackend, known_backends, usable_model, with_backend_for
from benchtui.wizard.options import FROM_SERVER, model_options, server_option
from screens.widgets.choices import Choices
from screens.widgets.plain import Plain
from screens.wizard.step import Step


@dataclass(frozen=True)
class Found:
    """The backends, and the models in outputs/, or the reason why there are none."""

    known: tuple[KnownBackend, ...]
    listed: tuple[ListedModel, ...] = ()
    error: BenchtuiError | None = None


def find_all(choice: Choice) -> Found:
    """Look for backends and models. Call it in a thread."""
    known = tuple(known_backends(choice))
    try:
        return Found(known, tuple(list_models(choice.outputs, find_backend(choice.backend))))
    except BenchtuiError as error:
        return Found(known, error=error)


def named_model(choice: Choice, named: str) -> tuple[TrainedModel, tuple[KnownBackend, ...]]:
    """Find the model that is named so, and the backends. Call it in a thread."""
    known = tuple(known_backends(choice))
    return usable_model(choice, named, known), known


class ModelStep(Step):
    HELP = (
        "Models are found in the outputs folder. A model is a folder with an adapter, merged weights, checkpoints or "
        "GGUF files. Anything else can be named below by its path or hub id."
    )
    question = "model"

    class Elsewhere(Message):
        """The model is one of a server: which one, the question of the backend asks."""

    def controls(self) -> ComposeResult:
        yield Choices(id="models-choices")
        yield Plain("Another one, by path or hub id", classes="label")
        yield Input(placeholder="org/name or ./folder", id="model-path", compact=True)

    def enter(self) -> None:
        self.query_one(Choices).focus()
        choice = self.answers.choice
        self.find_out(lambda: find_all(choice), self._take, group="step-models")

    def _take(self, found: Found) -> None:
        answers = self.answers
        answers.known, answers.listed = found.known, found.listed
        servers = server_option([one.backend for one in found.known if one.asks_servers])
        self.query_one(Choices).offer([*model_options(found.listed), *servers], answers.choice.model)
        if found.error is not None:
            self.page.tell(found.error.what, found.error.next_step)
        if not any(item.model.usable for item in found.listed):
            self.query_one(Input).focus()
        names = {item.model.name for item in found.listed}
        if (named := answers.choice.model) and named not in names:
            self.query_one(Input).value = named

    def on_choices_taken(self, message: Choices.Taken) -> None:
        message.stop()
        if message.option.value == FROM_SERVER:
            self.post_message(self.Elsewhere())
            return
        item = next(item for item in self.answers.listed if item.model.name == message.option.value)
        self.settle(item.model)
        self.answered()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        named = event.value.strip()
        if named:
            given = self.answers.given
            self.find_out(lambda: named_model(given, named), lambda found: self._named(named, *found), group="find")

    def _named(self, named: str, model: TrainedModel, known: tuple[KnownBackend, ...]) -> None:
        self.answers.known = known
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
            kept = replace(answers.choice, backend=given.backend, server=given.server)
            kept = with_backend_for(model, kept, answers.known)
            answers.choice = replace(kept, model=name, base=base, format=form)
            answers.base, answers.batch = None, None
            answers.model = model
        self.changed()

    @property
    def summary(self) -> str:
        return one_line(self.answers.choice.model or "", 60)
