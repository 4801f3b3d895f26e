"""The runs that are running now, a line each with a bar, and below them those that did not finish."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message

from benchtui.reports.wording.states import phase_words, role_words, run_left_words
from benchtui.runs.directory import RunDirectory
from benchtui.runs.follow.state import RunFollower
from benchtui.runs.follow.view import Counts, RunView
from benchtui.runs.known import started_together
from benchtui.runs.listing import ListedRun
from benchtui.runs.unfinished import OpenRunsReader
from benchtui.text import one_line
from screens.background import in_background
from screens.page import Page
from screens.result_text import ago
from screens.run.resuming import resume_from
from screens.themes import colours
from screens.widgets.drawing import bar
from screens.widgets.plain import Plain
from screens.widgets.rows import Column, Rows

EVERY = 1.0
MOST_ROWS = 6


class OpenRunRows(Rows):
    HELP = (
        "Runs that are going on, whether or not anybody watches, and runs that did not finish: stopped, timed out or "
        "died. Enter shows one; r resumes one that did not finish, and nothing that was answered is asked again."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Watch", tooltip="Show the selected run"),
        Binding("r", "resume", "Resume", tooltip="Resume the selected run, if it did not finish"),
    ]

    class Resume(Message):
        """r on the row that has the cursor."""

    def action_resume(self) -> None:
        self.post_message(self.Resume())


@dataclass(frozen=True)
class _Found:
    running: tuple[RunView, ...] = ()
    unfinished: tuple[ListedRun, ...] = ()


class RunningList(Vertical):
    """Follows every running run below outputs, and lists those that can be resumed; hidden where there is none."""

    class Changed(Message):
        """Other runs are unfinished than before."""

    def __init__(self, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._followers: dict[Path, RunFollower] = {}
        self._reader = OpenRunsReader()
        self._found = _Found()

    def compose(self) -> ComposeResult:
        yield Plain("", id="running-title", classes="aside")
        yield OpenRunRows(
            [
                Column("Model", 14, grow=2),
                Column("Bar", 16, drop=2),
                Column("Doing", 16, grow=2),
                Column("Time", 18, drop=1),
            ],
            header=False,
            id="running-rows",
        )

    def on_mount(self) -> None:
        self._look()
        self.set_interval(EVERY, self._look)

    def _look(self) -> None:
        page = self.screen
        if isinstance(page, Page) and self.app.screen is page:
            outputs = page.settings.outputs
            in_background(self, lambda: self._read(outputs), self._take, self._failed, group="running")

    def _read(self, outputs: Path) -> _Found:
        """Read the runs in a thread; nothing else uses its followers."""
        found = self._reader.read(outputs)
        self._followers = {run.path: self._followers.get(run.path) or RunFollower(run) for run in found.running}
        views = [follower.catch_up(0.5) for follower in self._followers.values()]
        running = sorted(views, key=lambda view: (view.started or 0.0, view.role != "base"))
        return _Found(tuple(running), found.unfinished)

    def _failed(self, what: str, next_step: str) -> None:  # noqa: ARG002 - Home says that the folder is missing
        self._take(_Found())

    def _take(self, found: _Found) -> None:
        changed = found.unfinished != self._found.unfinished
        self._found = found
        count = len(found.running) + len(found.unfinished)
        self.set_class(bool(count), "-some")
        title = "Running now" if found.running else "Not finished: r resumes"
        self.query_one("#running-title", Plain).show(
            f"{title}, and not finished: r resumes" if found.running and found.unfinished else title
        )
        rows = self.query_one(Rows)
        rows.styles.height = min(count, MOST_ROWS)
        rows.show(count, self._cells)
        if changed:
            self.post_message(self.Changed())

    def unfinished_of(self, model: Path) -> ListedRun | None:
        """Return the newest run of a model that can be resumed."""
        folder = model.absolute()
        return next((run for run in self._found.unfinished if Path(run.path).absolute().is_relative_to(folder)), None)

    def _cells(self, index: int) -> Sequence[Text]:
        shades, going = colours(self.app), len(self._found.running)
        if index >= going:
            return self._unfinished_cells(self._found.unfinished[index - going])
        view = self._found.running[index]
        done = sum(row.documents_total * row.share for row in view.rows)
        total = sum(row.documents_total for row in view.rows)
        share = done / total if total else 0.0
        return (
            Text.assemble((f"{role_words(view)} ", "bold"), one_line(view.model, 80)),
            bar(share, 16, done=shades.primary, rest=shades.muted),
            Text(one_line(phase_words(view), 80)),
            Text(run_left_words(view, self._now()), style=shades.muted),
        )

    def _unfinished_cells(self, run: ListedRun) -> Sequence[Text]:
        shades = colours(self.app)
        share = run.documents / run.documents_total if run.documents_total else 0.0
        return (
            Text.assemble(("◐ ", shades.warning), one_line(run.model, 80)),
            bar(share, 16, done=shades.warning, rest=shades.muted),
            Text(state_words(run)),
            Text(ago(run.started or 0.0, self._now()), style=shades.muted),
        )

    def _now(self) -> float:
        page = self.screen
        return page.settings.clock() if isinstance(page, Page) else 0.0

    @property
    def _selected(self) -> RunDirectory | ListedRun | None:
        """Return the selected run if it is running, or the record of one that is not finished."""
        place, going = self.query_one(Rows).cursor, self._found.running
        if place < len(going):
            return going[place].run
        left = self._found.unfinished
        return left[min(place - len(going), len(left) - 1)] if left else None

    def on_rows_chosen(self, message: Rows.Chosen) -> None:
        message.stop()
        self.open()

    def open(self) -> None:
        """Show the selected one."""
        selected, page = self._selected, self.screen
        if selected is None:
            self.app.notify("Nothing is running. b starts a benchmark.", timeout=3, markup=False)
        elif isinstance(page, Page):
            run = RunDirectory(Path(selected.path)) if isinstance(selected, ListedRun) else selected
            page.navigator.open_runs(started_together(run))

    def on_open_run_rows_resume(self, message: OpenRunRows.Resume) -> None:
        message.stop()
        selected, page = self._selected, self.screen
        if isinstance(selected, ListedRun) and isinstance(page, Page):
            resume_from(page, RunDirectory(Path(selected.path)), page.navigator.open_runs)
        else:
            self.open()


def state_words(run: ListedRun) -> str:
    """ "cancelled, 2 of 18 answered"."""
    counts = Counts(run.documents, run.documents_total).words
    return ", ".join(part for part in (run.state, counts) if part)
