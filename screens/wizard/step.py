"""What the steps share: the answers so far, and how a step asks and is left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from benchtui.models.base import BaseChoice
from benchtui.models.layout import TrainedModel
from benchtui.models.listing import ListedModel
from benchtui.plans.choice import Choice
from benchtui.settings.setting import Question
from benchtui.wizard.backends import KnownBackend
from benchtui.wizard.batch import Suggestion
from benchtui.wizard.estimate import Speeds
from benchtui.wizard.options import QUESTIONS
from benchtui.wizard.servers import Served
from screens.background import in_background
from screens.page import Page
from screens.widgets.plain import Plain

T = TypeVar("T")


@dataclass
class Answers:
    """What was chosen so far, and what was found out on the way."""

    choice: Choice
    known: tuple[KnownBackend, ...] = ()
    served: dict[str, Served] = field(default_factory=dict)
    listed: tuple[ListedModel, ...] = ()
    model: TrainedModel | None = None
    base: BaseChoice | None = None
    speeds: dict[str, Speeds] = field(default_factory=dict)
    batch: Suggestion | None = None
    answered: set[Question] = field(default_factory=set)
    given: Choice = field(init=False)
    """What flags, environment and files said before the first question."""

    def __post_init__(self) -> None:
        self.given = self.choice

    @property
    def models_to_run(self) -> int:
        return 2 if self.choice.compare else 1


class Step(Vertical):
    """One question. `enter` is called whenever it comes into view, `summary` names the answer in a few words."""

    question: ClassVar[Question]

    class Answered(Message):
        """On to the next one."""

    class Changed(Message):
        """Some answer is another one now."""

    def __init__(self, answers: Answers) -> None:
        super().__init__(id=f"step-{self.question}", classes="step")
        self.answers = answers

    def compose(self) -> ComposeResult:
        yield Plain(QUESTIONS[self.question][1], classes="question")
        yield from self.controls()

    def controls(self) -> ComposeResult:
        yield from ()

    def enter(self) -> None:
        """Show what there is to choose from, and take the focus."""

    def apply(self) -> bool:
        """Take over what is typed here; False, with words on the screen, where it makes no sense."""
        return True

    @property
    def summary(self) -> str:
        return ""

    @property
    def page(self) -> Page:
        page = self.screen
        assert isinstance(page, Page)  # noqa: S101 - steps live on the wizard alone
        return page

    @property
    def outputs(self) -> Path:
        return self.answers.choice.outputs

    def find_out(self, job: Callable[[], T], done: Callable[[T], None], *, group: str) -> None:
        in_background(self, job, done, self.page.tell, group=group)

    def answered(self) -> None:
        self.answers.answered.add(self.question)
        self.post_message(self.Answered())

    def changed(self) -> None:
        self.post_message(self.Changed())
