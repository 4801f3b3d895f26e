"""Home: the trained models, what is known of the selected one, and the runs that are running."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll

from benchtui.backends.registry import DEFAULT_BACKEND, find_backend
from benchtui.compare.headlines import LastBenchmark, last_benchmark
from benchtui.errors import BenchtuiError
from benchtui.models.changes import folder_state
from benchtui.models.listing import ListedModel, list_models
from benchtui.plans.choice import Choice, model_named, says_model
from benchtui.text import one_line
from benchtui.wizard.options import NO_MODELS, first_options
from screens.dialogs import Enter
from screens.home.pairs import Pair, pair_cells, pair_preview, read_pairs
from screens.home.preview import preview
from screens.home.running import RunningList
from screens.page import Page
from screens.result_text import ago, result_text
from screens.widgets.choices import Choices
from screens.widgets.plain import Plain
from screens.widgets.rows import Column, Rows

LOOK_EVERY = 2.0
"""Seconds between looks at the folder."""


@dataclass(frozen=True)
class _Shown:
    listed: ListedModel
    last: LastBenchmark | None

    @property
    def name(self) -> str:
        return self.listed.model.name

    @property
    def path(self) -> Path:
        return self.listed.model.path


Item = _Shown | Pair
"""A model, or the runs of two that answered as one."""


class Models(Rows):
    HELP = "Your trained models, newest first. Enter shows how the last benchmark went, or starts the first one."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Compare", tooltip="The selected model's last comparison"),
    ]


class Home(Page):
    HELP = (
        "benchtui answers one question: is the fine-tuned model better, and how sure are we? Choose a model, press b "
        "to benchmark it against the model it was trained from, and Enter to see the comparison."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("b", "benchmark", "Benchmark", tooltip="Benchmark the selected model, step by step"),
        Binding("c", "chat", "Chat", tooltip="Talk with the selected model and its base, side by side"),
        Binding("l", "app.open_leaderboard", "Leaderboard", tooltip="All models beside each other"),
        Binding("h", "history", "History", tooltip="All runs of the selected model"),
        Binding("r", "watch", "Runs", tooltip="Watch what is running, or what did not finish"),
        Binding("t", "app.open_tasks", "Tasks", tooltip="Search lm-eval's tasks", show=False),
        Binding("f5", "reload", "Reload", tooltip="Read the folder again", show=False),
        Binding("q", "app.quit", "Quit", tooltip="Leave; runs go on"),
        Binding("escape", "back", "Back", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._shown: list[Item] = []
        self._state: tuple[tuple[str, int], ...] | None = None
        self._wanted: str | None = None

    def body(self) -> ComposeResult:
        with Container(id="main"):
            yield Models(
                [
                    Column("Model", 24, grow=3),
                    Column("Base", 12, grow=2, drop=1),
                    Column("Last result", 24, grow=1),
                    Column("When", 8, drop=2),
                ],
                id="models",
                empty="Looking for trained models …",
            )
            with VerticalScroll(id="preview", can_focus=False):
                yield Plain(id="preview-text")
        with Container(id="first"):
            yield Plain(NO_MODELS, classes="label")
            yield Choices(id="first-steps")
        yield RunningList(id="running")

    def on_mount(self) -> None:
        self.crumbs(right=str(self.settings.outputs))
        self.query_one(Models).focus()
        self._look()
        self.set_interval(LOOK_EVERY, self._look)
        self.app.theme_changed_signal.subscribe(self, lambda _: self._redraw())

    def on_screen_resume(self) -> None:
        self._look()

    # The folder.

    def _look(self) -> None:
        if self.app.screen is not self:
            return
        choice, before = self.settings.choice, self._state

        def look() -> tuple[tuple[tuple[str, int], ...], list[Item] | None]:
            now = folder_state(choice.outputs)
            return now, None if now == before else _read(choice)

        self.load(look, self._take, group="models", failed=self._nothing)

    def action_reload(self) -> None:
        self._state = None
        self._look()

    def _take(self, found: tuple[tuple[tuple[str, int], ...], list[Item] | None]) -> None:
        self._state, shown = found
        if shown is None:
            return
        self.clear_notice()
        self._offer_first_steps(False)
        selected = self._wanted or (self.selected.name if self.selected else None)
        names = [item.name for item in shown]
        self._shown = shown
        models = sum(isinstance(item, _Shown) for item in shown)
        self.crumbs(right=f"{self.settings.outputs} · {models} model{'s' if models != 1 else ''}")
        place = names.index(selected) if selected in names else 0
        self.query_one(Models).show(len(shown), self._cells, cursor=place)
        self._redraw()

    def _nothing(self, what: str, next_step: str) -> None:
        self._shown = []
        self._state = None
        self.crumbs(right=str(self.settings.outputs))
        self._offer_first_steps(True)
        self.tell(what, next_step)

    def _offer_first_steps(self, offer: bool) -> None:
        """Show the first steps in place of the list while it is empty."""
        first = self.query_one("#first")
        if first.display == offer:
            return
        first.display, self.query_one("#main").display = offer, not offer
        steps = self.query_one("#first-steps", Choices)
        if offer:
            steps.offer(first_options(), None)
            steps.focus()
        elif steps.has_focus:
            self.query_one(Models).focus()

    def on_choices_taken(self, message: Choices.Taken) -> None:
        message.stop()
        if message.option.value == "demo":
            from benchtui.demo.choice import demo_choice

            self.load(demo_choice, self._start_demo, group="demo")
        elif message.option.value == "folder":
            asked = Enter("Which folder holds your trained models?", value=str(self.settings.outputs))
            self.app.push_screen(asked, self._change_folder)
        else:
            self.navigator.open_wizard(self.settings.choice)

    def _start_demo(self, choice: Choice) -> None:
        self._use_folder(choice.outputs)
        self.navigator.open_wizard(choice)

    def _change_folder(self, typed: str | None) -> None:
        if typed and typed.strip():
            self._use_folder(Path(typed.strip()).expanduser())
            self.action_reload()

    def _use_folder(self, outputs: Path) -> None:
        self.navigator.settings = replace(self.settings, choice=replace(self.settings.choice, outputs=outputs))
        self._state = None

    # What is shown.

    @property
    def selected(self) -> Item | None:
        place = self.query_one(Models).cursor
        return self._shown[place] if place < len(self._shown) else None

    def _cells(self, index: int) -> Sequence[Text]:
        item, colours = self._shown[index], self.colours
        if isinstance(item, Pair):
            return pair_cells(item, colours, self.settings.clock())
        model = item.listed.model
        base = item.listed.base
        glyph = ("● ", colours.muted) if model.usable else ("✗ ", colours.loss)
        when = item.last.when.timestamp() if item.last and item.last.when else model.trained_at
        if model.usable:
            result = result_text(item.last, colours)
        else:
            result = Text(one_line("; ".join(item.listed.problems), 200), style=colours.loss)
        return (
            Text.assemble(glyph, one_line(model.name, 100)),
            Text(one_line(Path(base.name).name if base.name.startswith("/") else base.name, 100))
            if base
            else Text("not named", style=colours.muted),
            result,
            Text(ago(when, self.settings.clock()), style=colours.muted),
        )

    def _redraw(self) -> None:
        self.query_one(Models).redraw()
        item = self.selected
        text = self.query_one("#preview-text", Plain)
        if item is None:
            text.show("")
            return
        if isinstance(item, Pair):
            text.update(pair_preview(item, self.colours, self.settings.clock()))
            return
        unfinished = self.query_one(RunningList).unfinished_of(item.listed.model.path)
        text.update(preview(item.listed, item.last, unfinished, self.colours, self.settings.clock()))

    def on_running_list_changed(self) -> None:
        self._redraw()

    def on_rows_moved(self, message: Rows.Moved) -> None:
        if message.rows.id == "models":
            self._wanted = None
            self._redraw()

    def on_rows_chosen(self, message: Rows.Chosen) -> None:
        if message.rows.id == "models":
            self.action_compare()

    # What can be done.

    def action_benchmark(self) -> None:
        item = self.selected
        choice = self.settings.choice
        if isinstance(item, _Shown):
            name = model_named(choice, item.listed.model.name)
            if not says_model(choice, item.listed.model):  # a base and a format were said of that other model
                choice = replace(choice, base=None, format=None)
            if find_backend(choice.backend).served:  # what is listed here lies in a folder
                choice = replace(choice, backend=DEFAULT_BACKEND, server=None)
            choice = replace(choice, model=name)
        self.navigator.open_wizard(choice)

    def action_compare(self) -> None:
        item = self.selected
        if item is None:
            return
        if item.last is not None:
            self.navigator.open_comparison(item.path)
        elif isinstance(item, Pair):
            self.navigator.open_history(item.path)
        else:
            self.action_benchmark()

    def action_history(self) -> None:
        if item := self.selected:
            self.navigator.open_history(item.path)

    def action_chat(self) -> None:
        item = self.selected
        self.navigator.open_chats(item.name if isinstance(item, _Shown) else None)

    def action_watch(self) -> None:
        self.query_one(RunningList).open()


def _read(choice: Choice) -> list[Item]:
    pairs = read_pairs(choice.outputs)
    try:
        listed = list_models(choice.outputs, find_backend(choice.backend))
    except BenchtuiError:
        if not pairs:
            raise
        listed = []  # both models of each pair lie elsewhere
    return [*(_Shown(item, last_benchmark(item.model.path)) for item in listed), *pairs]
