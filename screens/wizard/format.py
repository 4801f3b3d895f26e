"""Which backend answers, with which of the model's formats."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Select

from benchtui.backends.access import Access
from benchtui.backends.backend import Backend
from benchtui.backends.hybrid import LARGE
from benchtui.errors import BenchtuiError
from benchtui.plans.choice import Choice
from benchtui.text import one_line
from benchtui.wizard.backends import (
    SERVER,
    FormatOption,
    KnownBackend,
    backend_options,
    known_backends,
    value_of,
)
from benchtui.wizard.options import near
from benchtui.wizard.pair import PAIR, is_pair, room_of, said, strategies, with_large
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
        with Horizontal(id="pair", classes="fields"):
            with Vertical(id="pair-model"):
                yield Plain("Large model", classes="label")
                yield Input(placeholder="name, path or hub id", id="large", compact=True)
            with Vertical(id="pair-strategy"):
                yield Plain("Strategy", classes="label")
                options = [(name, name) for name, _ in strategies()]
                yield Select(options, allow_blank=False, id="strategy", compact=True)
            with Vertical():
                yield Plain("Threshold", classes="label")
                yield Input(placeholder="auto, 0.5, p70", id="threshold", compact=True)
        yield Plain(id="pair-note", classes="note")
        yield Plain("URL of a server", id="server-label", classes="label")
        yield Input(placeholder="http://localhost:8000", id="server", compact=True)

    def enter(self) -> None:
        choice = self.answers.choice
        self.query_one("#server", Input).value = choice.server or ""
        self.query_one("#large", Input).value = said(choice, "large")
        self.query_one("#threshold", Input).value = said(choice, "threshold")
        self.query_one(Select).value = said(choice, "strategy")
        self._show_pair(shown=is_pair(choice))
        self.query_one(Choices).focus()
        self._offer(self._value())
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
        self._show_server()

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
            if with_models and self.query_one("#server").has_focus:
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
        if event.input.id == "server":
            self._ask(event.value.strip() or None, typed=True)
        else:
            self._find_large()

    # A large model beside it.

    def _show_pair(self, *, shown: bool) -> None:
        """Show the fields of the large model, or that of a server."""
        self.query_one("#pair").display = self.query_one("#pair-note").display = shown
        self._show_server()

    def _show_server(self) -> None:
        served = any(one.backend.served for one in self.answers.known)
        for control in (self.query_one("#server-label"), self.query_one("#server")):
            control.display = served and not self.query_one("#pair").display

    def on_select_changed(self, event: Select.Changed) -> None:
        event.stop()
        told = dict(strategies()).get(str(event.value), "")
        self.query_one("#pair-note", Plain).show(f"The large one answers {told}.")

    def _find_large(self) -> None:
        """Look for the large model, and whether both fit; then on to the next question."""
        if not self.query_one("#large", Input).value.strip():
            self.page.tell("No large model is named.", "Type its name, path or hub id.")
            self.query_one("#large").focus()
            return
        choice = self._paired()
        self.page.clear_notice()
        self.find_out(lambda: room_of(choice), lambda _: self._found_large(choice), group="step-large")

    def apply(self) -> bool:
        """What was changed of a pair that was chosen before counts without Enter; it is looked at again in the end."""
        if is_pair(self.answers.choice):
            self.answers.choice = self._paired()
        return True

    def _paired(self) -> Choice:
        strategy = self.query_one(Select).value
        large, threshold = (self.query_one(f"#{name}", Input).value for name in ("large", "threshold"))
        return with_large(self.answers.choice, large, str(strategy), threshold)

    def _found_large(self, choice: Choice) -> None:
        self.answers.choice = choice
        self.answers.batch = None
        self.answered()

    # The answer.

    def on_choices_taken(self, message: Choices.Taken) -> None:
        message.stop()
        option = message.option
        if option.why_not:
            self.page.tell(f"{option.title}: {option.why_not}")
            return
        if option.value == PAIR:
            self._show_pair(shown=True)
            self.query_one("#large").focus()
            return
        self._show_pair(shown=False)
        if not isinstance(option, FormatOption):
            if option.value.endswith(f":{SERVER}"):
                self.query_one("#server").focus()
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
        if is_pair(choice):
            return one_line(f"with {near(said(choice, LARGE))}, {said(choice, 'strategy')}", 60)
        of_server = any(one.name == choice.backend and one.backend.served for one in self.answers.known)
        return one_line(choice.backend if of_server else f"{choice.backend}, {choice.format or 'best available'}", 60)
