"""lm-eval's tasks: search them, read what each tests, put them into a suite of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.widgets import Input

from benchtui.settings.config import FILE_NAME
from benchtui.settings.suite_file import add_to_suite
from benchtui.tasks.catalogue import Catalogue, load_catalogue
from benchtui.tasks.entries import TaskEntry
from benchtui.tasks.words import PLAIN_WORDS, task_title
from benchtui.text import one_line
from screens.dialogs import Enter
from screens.page import Page
from screens.tasks.task_facts import task_facts
from screens.widgets.plain import Plain
from screens.widgets.rows import Column, Rows

FOUND = 500


class SearchField(Input):
    """`/` begins a new search, in the field as in the list: no task's name holds one."""

    async def _on_key(self, event: events.Key) -> None:
        if event.character != "/":
            await super()._on_key(event)
            return
        event.prevent_default()
        event.stop()
        self.select_all()


class TaskRows(Rows):
    HELP = "Tasks, groups of tasks and tags that fit the search; the best-known ones while nothing is typed."
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "choose", "Add", tooltip="Add to a suite of your own")]


class TasksPage(Page):
    HELP = (
        "Type words: names, subjects, languages. a puts the selected task into a suite of your own, written to "
        f"{FILE_NAME} in the current folder; everything else in that file stays as it is. Use it with --suite NAME."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search", tooltip="Type what to look for"),
        Binding("a", "add", "Add to suite", tooltip="Put the selected task into a suite of your own"),
        Binding("c", "copy", "Copy name", tooltip="Copy the task's name"),
        Binding("escape", "leave", "Back", tooltip="From the field to the list; from the list back"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._catalogue: Catalogue | None = None
        self._found: Sequence[TaskEntry] = ()
        self._suite = "mine"

    def body(self) -> ComposeResult:
        yield SearchField(placeholder="Search lm-eval's tasks: maths, german, mmlu …", id="task-search", compact=True)
        with Container(id="task-panes"):
            yield TaskRows(
                [Column("Name", 20, grow=2), Column("What it is", 12, grow=2)],
                id="task-rows",
                empty="Reading lm-eval's tasks: once per version this takes some seconds …",
            )
            with VerticalScroll(id="task-detail", can_focus=False):
                yield Plain(id="task-text")

    def on_mount(self) -> None:
        self.crumbs("Tasks")
        self.query_one(Input).focus()
        self.app.theme_changed_signal.subscribe(self, lambda _: self._draw())
        folders = self.settings.choice.include_paths
        self.load(lambda: load_catalogue(folders), self._take, group="catalogue")

    def _take(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.crumbs("Tasks", right=f"{len(catalogue):,} tasks, groups and tags")
        self._search(self.query_one(Input).value)

    # Searching.

    def on_input_changed(self, event: Input.Changed) -> None:
        self._search(event.value)

    def on_input_submitted(self) -> None:
        self.query_one(TaskRows).focus()

    def _search(self, query: str) -> None:
        catalogue = self._catalogue
        if catalogue is not None:
            self.load(lambda: (query, _search(catalogue, query)), self._show, group="search")

    def _show(self, found: tuple[str, Sequence[TaskEntry]]) -> None:
        query, entries = found
        if query != self.query_one(Input).value:
            return
        self._found = entries
        rows = self.query_one(TaskRows)
        rows.empty = "Nothing fits."
        rows.show(len(entries), self._cells, cursor=0)
        self._draw()

    def _cells(self, index: int) -> Sequence[Text]:
        entry = self._found[index]
        known = task_title(entry.name)
        words = known if known != entry.name else entry.description or entry.dataset or entry.kind
        return (Text(one_line(entry.name, 100)), Text(one_line(words, 200), style=self.colours.muted))

    def _draw(self) -> None:
        rows, text = self.query_one(TaskRows), self.query_one("#task-text", Plain)
        rows.redraw()
        if self._catalogue is None or rows.cursor >= len(self._found):
            text.show("")
            return
        text.update(task_facts(self._catalogue, self._found[rows.cursor], self.colours))

    def on_rows_moved(self) -> None:
        self._draw()

    # What can be done.

    def on_rows_chosen(self) -> None:
        self.action_add()

    def action_search(self) -> None:
        field = self.query_one(Input)
        field.focus()
        field.select_all()

    def action_leave(self) -> None:
        if self.query_one(Input).has_focus and self._found:
            self.query_one(TaskRows).focus()
        else:
            self.action_back()

    def action_copy(self) -> None:
        rows = self.query_one(TaskRows)
        if rows.cursor < len(self._found):
            self.navigator.copy(self._found[rows.cursor].name, self._found[rows.cursor].name)

    def action_add(self) -> None:
        rows = self.query_one(TaskRows)
        if rows.cursor >= len(self._found):
            return
        task = self._found[rows.cursor].name

        def chosen(suite: str | None) -> None:
            if suite and suite.strip():
                self._suite = suite.strip()
                self._write(self._suite, task)

        question = f"Add {one_line(task, 60)} to which suite?"
        self.app.push_screen(
            Enter(question, f"Written to ./{FILE_NAME}; made where it is not there.", value=self._suite), chosen
        )

    def _write(self, suite: str, task: str) -> None:
        file = Path.cwd() / FILE_NAME

        def done(added: bool) -> None:
            words = f"{task} is in suite {suite} now" if added else f"{task} was in suite {suite} already"
            self.clear_notice()
            self.notify(f"{one_line(words, 120)}: --suite {suite}", timeout=5, markup=False)

        self.load(lambda: add_to_suite(file, suite, task), done, group="suite")


def _search(catalogue: Catalogue, query: str) -> Sequence[TaskEntry]:
    if query.strip():
        return catalogue.search(query, FOUND)
    return [entry for name in PLAIN_WORDS if (entry := catalogue.get(name)) is not None]
