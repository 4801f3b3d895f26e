"""On which tasks."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Select

from benchtui.reports.wording.states import rate_words
from benchtui.settings.config import load_config
from benchtui.settings.rows import NO_SUITE
from benchtui.settings.values import limit_typed, limit_words
from benchtui.tasks.suites import DEFAULT_SUITE, Suite, TaskPlan, offered_suites
from benchtui.text import one_line
from benchtui.wizard.estimate import Estimate, Speeds, earlier_speeds, estimate_tasks, estimates
from benchtui.wizard.measure import DOCUMENTS, measure
from benchtui.wizard.options import Option, suite_options
from screens.widgets.choices import Choices
from screens.widgets.plain import Plain
from screens.wizard.step import Answers, Step

NAMED = ""
"""The entry for tasks by name in the list of suites."""


class SuiteStep(Step):
    HELP = (
        "A suite is a named list of lm-eval tasks. Times come from earlier runs; where there are none, m measures the "
        "highlighted suite with a few samples of each task. Suites of your own go into benchtui.toml: press t on "
        "Home to search tasks and put them into one. Your own data: a file with questions (JSONL, CSV, Parquet, …) or "
        "hub:ORG/NAME; the review shows how it is read. Stop early: in random order, as far as it takes to be "
        "certain of better, worse or no relevant difference. A large difference shows soon, a small one at the end."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "measure", "Measure time", tooltip="Answer a few samples of each task to tell how long it takes"),
    ]
    question = "suite"

    def __init__(self, answers: Answers) -> None:
        super().__init__(answers)
        self._suites: tuple[Suite, ...] = ()
        self._stop = threading.Event()

    def controls(self) -> ComposeResult:
        yield Choices(id="suite-choices")
        yield Plain(id="suite-note", classes="note")
        with Horizontal(classes="fields"):
            with Vertical():
                yield Plain("Samples each", classes="label")
                yield Input(placeholder="suite default", id="limit", compact=True)
            with Vertical(id="early"):
                yield Plain("Stop early", classes="label")
                ways = [("off", False), ("when clear", True)]
                early = self.answers.choice.decide_early is not None
                yield Select(ways, value=early, allow_blank=False, id="decide-early", compact=True)
            with Vertical():
                yield Plain("Or tasks", classes="label")
                yield Input(placeholder="arc_easy,piqa", id="tasks", compact=True)
            with Vertical():
                yield Plain("Your own data", classes="label")
                yield Input(placeholder="questions.csv", id="data", compact=True)

    def enter(self) -> None:
        choice = self.answers.choice
        self.query_one("#limit", Input).value = limit_words(choice.limit) if choice.limit is not None else ""
        self.query_one("#early").display = choice.compare
        self.query_one(Select).value = choice.decide_early is not None
        self.query_one("#tasks", Input).value = ",".join(choice.tasks)
        self.query_one("#data", Input).value = ", ".join(choice.data)
        self.query_one(Choices).focus()
        self.find_out(self._read, self._take, group="step-suites")

    def _read(self) -> tuple[tuple[Suite, ...], Speeds]:
        model = self.answers.model
        name = model.path.name if model else ""
        known = self.answers.speeds.get(name) or earlier_speeds(self.outputs, name)
        return offered_suites(load_config().suites, self.answers.choice.suite), known

    def _take(self, found: tuple[tuple[Suite, ...], Speeds]) -> None:
        self._suites, speeds = found
        model = self.answers.model
        if model is not None:
            self.answers.speeds[model.path.name] = speeds
        wanted = self.answers.choice.suite
        known = {NO_SUITE, *(suite.name for suite in self._suites)}
        if not self.answers.choice.tasks and wanted not in known:
            self.page.tell(f"There is no suite {one_line(wanted, 40)!r}.", "Choose one of these.")
        self._offer()

    def _offer(self) -> None:
        answers = self.answers
        speeds = answers.speeds.get(answers.model.path.name if answers.model else "", Speeds({}))
        known = estimates(self._suites, speeds, limit=self._limit(), models=answers.models_to_run)
        current = self.query_one(Choices).current
        taken = current.value if current else answers.choice.suite
        options = suite_options(self._suites, known, self._data())
        if answers.choice.tasks:
            names = one_line(", ".join(answers.choice.tasks), 200)
            beside = named.words if (named := self._named_estimate(speeds)) else ""
            options.insert(0, Option(NAMED, "The tasks named below", names, beside=beside))
            taken = current.value if current else NAMED
        self.query_one(Choices).offer(options, taken)
        measured = [task for task in answers.choice.tasks if task in speeds.per_task]
        if known:
            words = f"Times go by {speeds.source}, for {'both models' if answers.choice.compare else 'the model'}."
        elif measured:
            rates = ", ".join(f"{task} {rate_words(speeds.per_task[task])}" for task in measured)
            words = f"By {speeds.source}: {one_line(rates, 200)}."
        else:
            words = f"No time estimate yet. Press m to measure ({DOCUMENTS} samples per task)."
        self.query_one("#suite-note", Plain).show(words)

    def _named_estimate(self, speeds: Speeds) -> Estimate | None:
        tasks = [TaskPlan(name) for name in self.answers.choice.tasks]
        return estimate_tasks(tasks, speeds, limit=self._limit(), models=self.answers.models_to_run)

    def _limit(self) -> float | None:
        typed = self.query_one("#limit", Input).value.strip()
        try:
            return limit_typed(typed) if typed else None
        except ValueError:
            return None

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id in ("limit", "data") and self._suites:
            self._offer()

    def action_measure(self) -> None:
        model, current = self.answers.model, self.query_one(Choices).current
        if model is None or current is None:
            return
        choice = self.answers.choice
        if current.value != NAMED:
            choice = replace(choice, suite=current.value, tasks=(), data=self._data())
        self._stop = threading.Event()
        stop = self._stop
        self.query_one("#suite-note", Plain).show(f"Measuring {one_line(current.title, 40)}: loading the model …")
        self.find_out(lambda: measure(choice, model, stop), self._measured, group="measure")

    def _measured(self, speeds: Speeds) -> None:
        model = self.answers.model
        if model is not None:
            before = self.answers.speeds.get(model.path.name, Speeds({}))
            self.answers.speeds[model.path.name] = speeds.preferred_to(before)
            self._offer()

    def on_unmount(self) -> None:
        self._stop.set()

    def on_choices_taken(self, message: Choices.Taken) -> None:
        message.stop()
        if message.option.value != NAMED:
            self.query_one("#tasks", Input).value = ""
            self.answers.choice = replace(self.answers.choice, suite=message.option.value, tasks=())
        self._leave()

    def on_select_changed(self, event: Select.Changed) -> None:
        event.stop()
        choice = self.answers.choice
        if event.value is not (choice.decide_early is not None):
            early = (choice.decide_early or choice.decide_delta) if event.value is True else None
            self.answers.choice = replace(choice, decide_early=early)
            self.post_message(self.Changed())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.input.id == "data" and self._data():
            self.answers.choice = replace(self.answers.choice, suite=NO_SUITE)
        self._leave()

    def _leave(self) -> None:
        if self.apply():
            self.answered()

    def apply(self) -> bool:
        typed = self.query_one("#limit", Input).value.strip()
        try:
            limit = limit_typed(typed) if typed else None
        except ValueError:
            self.page.tell(
                f"{one_line(typed, 40)!r} is no number of samples.",
                "Type a number (1, 2, …), a fraction of them (like 0.1), all, or nothing for what the suite says.",
            )
            self.query_one("#limit", Input).focus()
            return False
        named = [part.strip() for part in self.query_one("#tasks", Input).value.split(",")]
        tasks = tuple(part for part in named if part)
        self.answers.choice = replace(self.answers.choice, limit=limit, tasks=tasks, data=self._data())
        if self.answers.choice.suite == NO_SUITE and not self._data():
            self.answers.choice = replace(self.answers.choice, suite=DEFAULT_SUITE)
        return True

    def _data(self) -> tuple[str, ...]:
        """Return the files and data sets of one's own: those of the flags as long as nobody types another."""
        typed, before = self.query_one("#data", Input).value.strip(), self.answers.choice.data
        if typed == ", ".join(before):
            return before
        return (typed,) if typed else ()

    @property
    def summary(self) -> str:
        choice = self.answers.choice
        suite = () if choice.suite == NO_SUITE and choice.data else (choice.suite,)
        what = one_line(", ".join((*(choice.tasks or suite), *choice.data)), 60)
        limit = f", {limit_words(choice.limit)} each" if choice.limit is not None else ""
        early = "; stops early" if choice.compare and choice.decide_early is not None else ""
        return what + limit + early
