"""The wizard: five questions and a review on one screen; each answer stays in view and can be changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import ContentSwitcher, OptionList
from textual.widgets.option_list import Option

from benchtui.models.layout import TrainedModel
from benchtui.plans.choice import Choice
from benchtui.runs.directory import RunDirectory
from benchtui.settings.setting import Question
from benchtui.text import one_line
from benchtui.wizard.backends import KnownBackend, with_backend_for
from benchtui.wizard.launch import launch
from benchtui.wizard.options import ONE_MODEL, QUESTIONS
from screens.page import Page
from screens.wizard.base import BaseStep
from screens.wizard.batch import BatchStep
from screens.wizard.format import FormatStep
from screens.wizard.model import ModelStep, named_model
from screens.wizard.review import ReviewStep
from screens.wizard.step import Answers, Step
from screens.wizard.suite import SuiteStep

_ORDER: tuple[type[Step], ...] = (ModelStep, BaseStep, FormatStep, SuiteStep, BatchStep, ReviewStep)
_NAMES: tuple[Question, ...] = tuple(QUESTIONS)


class Steps(OptionList):
    HELP = "All questions with your answers so far. Enter goes back to any of them."


class Wizard(Page):
    """`choice` is where it starts from: flags and settings are answers already given, which can be changed."""

    HELP = "Enter takes an answer and goes on, Esc goes back. Nothing starts before you say so at the end."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "previous", "Back", tooltip="To the question before; from the first one: leave"),
        Binding("ctrl+n", "next", "Next", tooltip="Keep this answer and go on"),
        Binding("ctrl+o", "steps", "All steps", tooltip="To the list of all questions", show=False),
    ]

    def __init__(self, choice: Choice) -> None:
        super().__init__()
        self._every_model = choice.model == "all"
        self.answers = Answers(replace(choice, model=None) if self._every_model else choice)
        self._place = 0
        self._starting = False

    def body(self) -> ComposeResult:
        with Horizontal(id="wizard"):
            yield Steps(id="steps", markup=False)
            with ContentSwitcher(id="questions", initial="step-model"):
                for step in _ORDER:
                    yield step(self.answers)

    def on_mount(self) -> None:
        self.crumbs("New benchmark")
        self._draw_steps()
        named = self.answers.choice.model
        if named:
            choice = self.answers.choice
            self.load(lambda: named_model(choice, named), self._known, group="known", failed=self._unknown)
        else:
            self._go(0)
        if self._every_model:
            self.tell(*ONE_MODEL)

    def _known(self, found: tuple[TrainedModel, tuple[KnownBackend, ...]]) -> None:
        """The model was named beforehand: its question counts as answered, and can be asked again."""
        answers = self.answers
        answers.model, answers.known = found
        answers.choice = with_backend_for(answers.model, answers.choice, answers.known)
        answers.answered.add("model")
        self._go(1)

    def _unknown(self, what: str, next_step: str) -> None:
        self._go(0)
        self.tell(what, next_step)

    # From question to question.

    @property
    def step(self) -> Step:
        return self.query_one(f"#step-{_NAMES[self._place]}", Step)

    def _go(self, place: int) -> None:
        self._place = place
        self.clear_notice()
        self.query_one(ContentSwitcher).current = f"step-{_NAMES[place]}"
        self.crumbs("New benchmark", QUESTIONS[_NAMES[place]][0], right=f"step {place + 1} of {len(_NAMES)}")
        self._draw_steps()
        self.step.enter()

    def _leave_to(self, place: int) -> None:
        if not self.step.apply():
            return
        if self.answers.model is None and place and _NAMES[place] != "format":
            self._go(0)
            self.tell("No model is chosen yet.", "Choose one with Enter, or type its path or hub id in the field.")
        else:
            self._go(place)

    def action_next(self) -> None:
        if self._place < len(_NAMES) - 1:
            if self.answers.model is not None:
                self.answers.answered.add(_NAMES[self._place])
            self._leave_to(self._place + 1)

    def action_previous(self) -> None:
        if self._place:
            self._leave_to(self._place - 1)
        else:
            self.action_back()

    def action_steps(self) -> None:
        self.query_one(Steps).focus()

    def on_step_answered(self) -> None:
        if self.step.question == "format" and "base" not in self.answers.answered:
            self._go(_NAMES.index("base"))  # a model of a server was chosen before this was asked
        else:
            self.action_next()

    def on_model_step_elsewhere(self) -> None:
        self._leave_to(_NAMES.index("format"))

    def on_step_changed(self) -> None:
        self._draw_steps()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        if event.option_list.id == "steps":
            self._leave_to(event.option_index)

    def _draw_steps(self) -> None:
        steps = self.query_one(Steps)
        options = []
        room = 26 if self.app.size.width >= 110 else 16
        for place, name in enumerate(_NAMES):
            title, _ = QUESTIONS[name]
            here, done = place == self._place, name in self.answers.answered
            glyph = "▸" if here else "✓" if done else " "
            words = self.query_one(f"#step-{name}", Step).summary if done or here else ""
            text = Content.assemble((f"{glyph} ", "$accent"), (f"{place + 1} {title}", "bold" if here else ""))
            text += Content.assemble("\n    ", (one_line(words, room) if done else "", "$muted"))
            options.append(Option(text))
        steps.set_options(options)
        steps.highlighted = self._place

    # The start.

    def on_review_step_start(self) -> None:
        if self._starting:
            return
        self._starting = True
        choice = self.answers.choice
        self.clear_notice()
        self.notify("Starting: describing the models, reading the tasks …", timeout=6, markup=False)
        self.load(lambda: launch(choice), self._started, group="launch", failed=self._not_started)

    def _started(self, runs: Sequence[RunDirectory]) -> None:
        self._starting = False
        navigator = self.navigator
        if self.app.screen is self:
            self.app.pop_screen()
            navigator.open_runs(runs)

    def _not_started(self, what: str, next_step: str) -> None:
        self._starting = False
        self.tell(what, next_step)
