"""The live view of runs: how far each task is, how it scores so far, whether it is alive, and what it says."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import TabbedContent, TabPane
from textual.worker import get_current_worker

from benchtui.durations import format_duration
from benchtui.errors import BenchtuiError
from benchtui.reports.wording.states import rate_words, role_words
from benchtui.runs.cancel import ask_to_stop
from benchtui.runs.directory import RunDirectory
from benchtui.runs.follow.view import RowView, RunView
from benchtui.runs.kinds.tokens.fold import TokensView
from benchtui.runs.known import model_folder, run_name
from benchtui.runs.outcome import RESUMABLE, step_after
from benchtui.text import one_line
from screens.dialogs import Ask
from screens.page import Page
from screens.run.found import has_page, open_page
from screens.run.machine import Machine
from screens.run.reader import RunReader, Snapshot, Tick
from screens.run.resuming import resume_from
from screens.run.routing import Routing
from screens.run.status import decisions_text, ending_words, samples_text, status_text
from screens.run.task_rows import Tasks, score_text, time_words, tokens_text
from screens.run.workers import Workers, with_workers
from screens.widgets.drawing import bar
from screens.widgets.log_lines import LogLines
from screens.widgets.plain import Plain
from screens.widgets.rows import Column

LONGEST_BAR = 40
PROGRESS, TIME = 2, 4
"""Places of columns whose contents depend on their width."""
LOG_LINES = 2000


class RunPage(Page):
    HELP = (
        "The run is a process of its own: leave this view, close the terminal, lose the connection, it goes on. Come "
        "back from Home or with `benchtui attach`. x stops it; what was answered is kept and scored."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "cancel", "Stop", tooltip="Stop the run; what was answered is kept and scored"),
        Binding("d,escape", "back", "Detach", tooltip="Leave this view; the run goes on"),
        Binding("c", "compare", "Compare", tooltip="The comparison, as soon as there are results"),
        Binding("r", "resume", "Resume", tooltip="Resume a run that did not finish"),
        Binding("p", "pause", "Pause view", tooltip="Hold the view still; the run goes on"),
        Binding("w", "tab('workers')", "Workers", tooltip="What each worker does, where a run has several"),
        Binding("l", "tab('log')", "Log", show=False),
        Binding("a", "tab('samples')", "Answers", show=False),
        Binding("i", "tab('facts')", "Settings & warnings", show=False),
    ]

    def __init__(self, runs: Sequence[RunDirectory]) -> None:
        super().__init__()
        self._runs = tuple(runs)
        self._reader = RunReader(runs)
        self._rows: list[tuple[RunView, RowView | None]] = []
        self._paused = False
        self._ended = False
        self._seen_going = False
        self._shared = False

    def body(self) -> ComposeResult:
        yield Tasks(
            [
                Column("", 10),
                Column("Task", 12, grow=2),
                Column("Progress", 8, grow=2, drop=1),
                Column("Done", 11, right=True),
                Column("Time", 9, grow=1, right=True, drop=2),
                Column("Rate", 8, right=True, drop=3),
                Column("Score so far", 18),
            ],
            id="tasks",
            empty="Waiting for the worker to say what there is to do …",
        )
        yield Plain(id="status")
        yield Routing(id="routing")
        yield Machine(id="machine")
        with TabbedContent(id="tabs", initial="log"):
            with TabPane("Log", id="log"):
                yield LogLines(max_lines=LOG_LINES, id="log-lines")
            with TabPane("Workers", id="workers"):
                yield Workers("workers-text")
            with TabPane("Answers", id="samples"):
                yield Plain(id="samples-text")
            with TabPane("Settings & warnings", id="facts"):
                yield Plain(id="facts-text")

    def on_mount(self) -> None:
        self.query_one(Tasks).focus()
        self.query_one(TabbedContent).hide_tab("workers")
        self._draw(self._reader.snapshot)
        self._follow()

    @work(thread=True, group="follow", exclusive=True)
    def _follow(self) -> None:
        """Read the runs and tell the screen, until the screen is closed."""
        worker = get_current_worker()
        while not worker.is_cancelled:
            if self._reader.read():
                self.post_message(Tick())
            time.sleep(self.settings.refresh)

    def on_tick(self) -> None:
        if not self._paused:
            self._draw(self._reader.snapshot)

    # Drawing.

    def _draw(self, snapshot: Snapshot) -> None:
        with self.app.batch_update():
            views = snapshot.views
            self._rows = [(view, row) for view in views for row in (view.rows or (None,))]
            rows = self.query_one(Tasks)
            rows.show(len(self._rows), self._cells)
            rows.styles.height = min(len(self._rows) + 1, 12)
            self._draw_top(views)
            self.query_one("#status", Plain).update(status_text(views, self.settings.clock()))
            self.query_one(Routing).follow(views, *self.size)
            self.query_one(Machine).follow(snapshot.machine, self.size.width)
            self._draw_tab(snapshot)
        self._notice_end(views)

    def _draw_top(self, views: Sequence[RunView]) -> None:
        now = self.settings.clock()
        started = [view.started for view in views if view.started is not None]
        ends = [now if view.state == "running" else view.ended_at or 0.0 for view in views]
        model = one_line(views[0].model, 60) if views else ""
        suite = next((view.suite for view in views if view.suite), None)
        took = format_duration(max(ends) - min(started)) if started else ""
        paused = "paused" if self._paused else ""
        right = " · ".join(part for part in (f"suite {suite}" if suite else "", took, paused) if part)
        self.crumbs("Run", model, right=right)

    def _cells(self, index: int) -> Sequence[Text]:
        view, row = self._rows[index]
        colours, now = self.colours, self.settings.clock()
        first = not index or self._rows[index - 1][0] is not view
        role = Text(role_words(view) if first else "", style="bold")
        if row is None:
            return (
                role,
                Text(one_line(view.weights, 80), style=colours.muted),
                Text(""),
                *(Text("") for _ in range(4)),
            )
        going = view.state == "running" and row.active
        style = colours.gain if row.state == "done" else colours.warning if row.state == "partial" else colours.primary
        width = min(self._width(PROGRESS), LONGEST_BAR)
        drawn = bar(row.share, width, done=style, rest=colours.muted, over=row.state == "done")
        return (
            role,
            Text(one_line(row.name, 80), style="" if row.share else colours.muted),
            drawn,
            Text(f"{row.documents}/{row.documents_total}" if row.documents_total else "", style=colours.muted),
            Text(time_words(row, now, self._width(TIME), going=going), style="" if going else colours.muted),
            Text(rate_words(row.rate) if row.rate and going else "", style=colours.muted),
            tokens_text(view.own, view.rows.index(row), colours)
            if isinstance(view.own, TokensView)
            else score_text(row, colours),
        )

    def shares(self) -> list[float]:
        """How much of each row is done, 0..1."""
        return [row.share if row is not None else 0.0 for _, row in self._rows]

    def _width(self, column: int) -> int:
        return self.query_one(Tasks).column_width(column)

    def _draw_tab(self, snapshot: Snapshot) -> None:
        if lines := self._reader.take_lines():
            self.query_one(LogLines).write_lines(lines)
        tabs, shared = self.query_one(TabbedContent), with_workers(snapshot.views)
        if (shared is not None) != self._shared:
            self._shared = shared is not None
            (tabs.show_tab if self._shared else tabs.hide_tab)("workers")
            self.refresh_bindings()
        active = tabs.active
        if active == "workers" and shared is not None:
            self.query_one(Workers).follow(shared)
        elif active == "samples":
            place = self.query_one("#samples-text", Plain)
            place.update(samples_text(snapshot, place.size.width, place.size.height))
        elif active == "facts":
            self.query_one("#facts-text", Plain).update(decisions_text(snapshot.views))

    # The end.

    def _notice_end(self, views: Sequence[RunView]) -> None:
        over = bool(views) and all(view.ended for view in views)
        self._seen_going = self._seen_going or (bool(views) and not over)
        if not over or self._ended:
            return
        self._ended = True
        bad = [view for view in views if view.state != "finished"]
        if not bad:
            if self._seen_going and self.app.screen is self:  # somebody watched it finish
                self._show_comparison(replace=True)
            return
        view = bad[-1]
        step = step_after(view.state, view.run, run_name(view.run))
        self.tell(ending_words(bad), f"Press r to resume, or type `{step}`." if step else "")

    def action_compare(self) -> None:
        if any(view.results or has_page(view) for view in self._reader.snapshot.views):
            self._show_comparison(replace=False)
        else:
            self.notify("There are no results yet.", timeout=3, markup=False)

    def _show_comparison(self, *, replace: bool) -> None:
        navigator, folder = self.navigator, model_folder(self._runs[-1])
        views = self._reader.snapshot.views
        paged = next((view for view in views if has_page(view)), None)
        watched = next((view.run for view in views if view.role != "base" and view.results), None)
        if replace:
            self.app.pop_screen()
        if paged is not None:
            open_page(navigator, paged)
        else:
            navigator.open_comparison(folder, watched)

    # What can be done.

    def action_cancel(self) -> None:
        going = [view for view in self._reader.snapshot.views if view.state == "running"]
        if not going:
            self.notify("Nothing of this is running.", timeout=3, markup=False)
            return

        def answer(yes: bool | None) -> None:
            if yes:
                self._stop([view.run for view in going])

        about = "What was answered is kept and scored; r resumes it later."
        self.app.push_screen(Ask("Stop this run?", about, yes="Stop it", no="Let it run"), answer)

    def _stop(self, runs: Sequence[RunDirectory]) -> None:
        try:
            for run in runs:
                ask_to_stop(run, "the application")
        except BenchtuiError as error:
            self.tell(error.what, error.next_step)
            return
        self.notify("Stopping: what was answered is kept and scored.", timeout=5, markup=False)

    def action_resume(self) -> None:
        if not self._ended or not any(view.state in RESUMABLE for view in self._reader.snapshot.views):
            self.notify("There is nothing to resume.", timeout=3, markup=False)
            return
        resume_from(self, self._runs[-1], self._resumed)

    def _resumed(self, runs: Sequence[RunDirectory]) -> None:
        navigator = self.navigator
        if self.app.screen is self:
            self.app.pop_screen()
            navigator.open_runs(runs)

    def action_pause(self) -> None:
        self._paused = not self._paused
        self._draw_top(self._reader.snapshot.views)
        if not self._paused:
            self._draw(self._reader.snapshot)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer the workers only of a run that has several."""
        return self._shared if (action, parameters) == ("tab", ("workers",)) else True

    def action_tab(self, name: str) -> None:
        self.query_one(TabbedContent).active = name
        self._draw(self._reader.snapshot)
