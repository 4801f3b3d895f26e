"""Which backend answers, with which of the model's formats."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from benchtui.backends.access import Access
from benchtui.backends.backend import Backend
from benchtui.errors import BenchtuiError
from benchtui.text import one_line
from benchtui.wizard.backends import (
    SERVER,
    FormatOption,
    KnownBackend,
    backend_options,
    known_backends,
    value_of,
)
from benchtui.wizard.servers import Served, ask_server, asking, asks, with_facts
from screens.widgets.choices import Choices
from screens.widgets.plain import Plain
from screens.wizard.step import Answers, Step


class FormatStep(Step):
    HELP = (
        "One model may lie in several forms, and several backends may load one of them. What cannot be loaded says "
        "what is missing, and the line that gets it. Compare like with like: a 4-bit model loses something by "
        "quantisation that training has nothing to do with. Servers are asked where their URL is typed below, and "
        "where a backend knows one on this machine; Esc stops waiting for one."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop_asking", "Stop asking", tooltip="Stop waiting for the server"),
    ]
    question = "format"

    def __init__(self, answers: Answers) -> None:
        super().__init__(answers)
        self._asked: dict[str, threading.Event] = {}
        """By backend: what ends the question that is under way."""
        self._typed = False
        """Whether the URL that is asked was typed here."""

    def controls(self) -> ComposeResult:
        yield Choices(id="format-choices")
        yield Plain("URL of a server", id="server-label", classes="label")
        yield Input(placeholder="http://localhost:8000", id="server", compact=True)

    def enter(self) -> None:
        self.query_one(Input).value = self.answers.choice.server or ""
        self.query_one(Choices).focus()
        self._offer(self._value())
        choice = self.answers.choice
        self.find_out(lambda: known_backends(choice), self._take, group="step-format")

    def _take(self, known: Sequence[KnownBackend]) -> None:
        self.answers.known = tuple(known)
        if self.query_one(Choices).current is None:
            self._offer(self._value())
        else:
            self._offer_again()
        self._ask(self.answers.choice.server, typed=False)

    def _offer(self, at: str | None) -> None:
        """Show what there is to choose from, the cursor `at` this value."""
        answers = self.answers
        if not answers.known:
            return
        self.query_one(Choices).offer(backend_options(answers.model, answers.choice, answers.known, answers.served), at)
        for control in (self.query_one("#server-label"), self.query_one(Input)):
            control.display = any(one.backend.served for one in answers.known)

    def _offer_again(self) -> None:
        current = self.query_one(Choices).current
        self._offer(current.value if current else None)

    def _value(self) -> str | None:
        """What was taken before."""
        try:
            return value_of(self.answers.model, self.answers.choice)
        except BenchtuiError as error:
            self.page.tell(error.what, error.next_step)
            return None

    # Servers.

    def _ask(self, server: str | None, *, typed: bool) -> None:
        """Ask `server`, by every backend that asks servers; None: where each looks by itself."""
        self._stop()
        self._typed = typed
        for one in self.answers.known:
            if one.asks_servers:
                self._ask_one(one.backend, replace(one.access, server=server))
        self.refresh_bindings()

    def _ask_one(self, backend: Backend, access: Access) -> None:
        answers, name = self.answers, backend.name
        if not asks(backend, access):
            answers.served.pop(name, None)
            return
        stop = self._asked[name] = threading.Event()
        answers.served[name] = Served(access.server, words=asking(backend, access))
        self._offer_again()
        self.find_out(
            lambda: ask_server(backend, self.outputs, access, stop),
            lambda found: self._answered(backend, access, found),
            group=f"server-{name}",
        )

    def _answered(self, backend: Backend, access: Access, found: Served) -> None:
        name, model = backend.name, self.answers.model
        self._asked.pop(name, None)
        self.find_out(
            lambda: with_facts(backend, found, model, access),
            lambda told: self._told(name, found, told),
            group=f"facts-{name}",
        )
        self.answers.served[name] = found
        self._offer_again()
        if self._typed and not self._asked:
            self._typed = False
            self.refresh_bindings()
            with_models = [answer for answer in self.answers.served.values() if answer.models]
            if with_models and self.query_one(Input).has_focus:
                self._point_at(with_models[0])

    def _told(self, name: str, before: Served, told: Served) -> None:
        """What is known of the models of a server, unless another one was asked since."""
        if told != before and self.answers.served.get(name) is before:
            self.answers.served[name] = told
            self._offer_again()

    def _point_at(self, found: Served) -> None:
        """To the first model of the server whose URL was typed."""
        choices = self.query_one(Choices)
        choices.point_at(lambda option: isinstance(option, FormatOption) and option.model is found.models[0])
        choices.focus()

    def _stop(self) -> None:
        for stop in self._asked.values():
            stop.set()
        self._asked.clear()

    def action_stop_asking(self) -> None:
        """End the waiting for a server whose URL was typed."""
        self._typed = False
        for stop in self._asked.values():
            stop.set()

        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Esc stops the waiting for a server whose URL was typed; otherwise it goes back, as everywhere."""
        del parameters
        return action != "stop_asking" or (self._typed and bool(self._asked))

    def on_unmount(self) -> None:
        self._stop()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._ask(event.value.strip() or None, typed=True)

    # The answer.

    def on_choices_taken(self, message: Choices.Taken) -> None:
        message.stop()
        option = message.option
        if option.why_not:
            self.page.tell(f"{option.title}: {option.why_not}")
            return
        if not isinstance(option, FormatOption):
            if option.value.endswith(f":{SERVER}"):
                self.query_one(Input).focus()
            return
        answers = self.answers
        answers.choice = option.taken(answers.choice, answers.model)
        if option.model is not None and option.model is not answers.model:
            answers.model, answers.base = option.model, None
        answers.batch = None
        answers.answered.add("model")
        self.answered()

    @property
    def summary(self) -> str:
        choice = self.answers.choice
        of_server = any(one.name == choice.backend and one.backend.served for one in self.answers.known)
        return one_line(choice.backend if of_server else f"{choice.backend}, {choice.format or 'best available'}", 60)
