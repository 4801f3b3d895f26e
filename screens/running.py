"""The runs that are going on now, a line each with a bar."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical

from benchtui.displays.words import phase_words, role_words, run_left_words
from benchtui.runs.directory import RunDirectory
from benchtui.runs.known import known_runs, started_together
from benchtui.runs.records import run_state
from benchtui.runs.state import RunFollower
from benchtui.runs.view import RunView
from benchtui.text import one_line
from screens.background import in_background
from screens.page import Page
from screens.themes import colours
from screens.widgets.drawing import bar
from screens.widgets.plain import Plain
from screens.widgets.rows import Column, Rows

EVERY = 1.0


class RunningList(Vertical):
    """Follows every running run below outputs; not there while nothing runs. Enter opens one."""

    HELP = "Runs that are going on. They go on whether or not anybody watches. Enter attaches to the selected one."

    def __init__(self, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._followers: dict[Path, RunFollower] = {}
        self._views: list[RunView] = []

    def compose(self) -> ComposeResult:
        yield Plain("Running now", classes="aside")
        yield Rows(
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

    def _read(self, outputs: Path) -> list[RunView]:
        """In a thread; its followers are touched by nobody else."""
        known_here = [known for known in known_runs(outputs) if not known.problem and known.run.exists()]
        going = [known.run for known in known_here if run_state(known.run) == "running"]
        self._followers = {run.path: self._followers.get(run.path) or RunFollower(run) for run in going}
        return [follower.catch_up(0.5) for follower in self._followers.values()]

    def _failed(self, what: str, next_step: str) -> None:  # noqa: ARG002 - Home says that the folder is missing
        self._take([])

    def _take(self, views: list[RunView]) -> None:
        self._views = sorted(views, key=lambda view: (view.started or 0.0, view.role != "base"))
        self.set_class(bool(views), "-some")
        rows = self.query_one(Rows)
        rows.styles.height = min(len(views), 6)
        rows.show(len(views), self._cells)

    def _cells(self, index: int) -> Sequence[Text]:
        view, shades = self._views[index], colours(self.app)
        done = sum(row.documents_total * row.share for row in view.rows)
        total = sum(row.documents_total for row in view.rows)
        share = done / total if total else 0.0
        return (
            Text.assemble((f"{role_words(view)} ", "bold"), one_line(view.model, 80)),
            bar(share, 16, done=shades.primary, rest=shades.muted),
            Text(one_line(phase_words(view), 80)),
            Text(run_left_words(view, self._now()), style=shades.muted),
        )

    def _now(self) -> float:
        page = self.screen
        return page.settings.clock() if isinstance(page, Page) else 0.0

    def on_rows_chosen(self, message: Rows.Chosen) -> None:
        message.stop()
        self._open(self._views[message.index].run)

    def open(self) -> None:
        """Watch the first of them."""
        if self._views:
            rows = self.query_one(Rows)
            self._open(self._views[min(rows.cursor, len(self._views) - 1)].run)
        else:
            self.app.notify("Nothing is running. b starts a benchmark.", timeout=3, markup=False)

    def _open(self, run: RunDirectory) -> None:
        page = self.screen
        if isinstance(page, Page):
            page.face.open_runs(started_together(run))
