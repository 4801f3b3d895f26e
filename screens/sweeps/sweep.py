"""What a sweep over thresholds found: what each threshold costs and loses, the curve, and which one to take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import msgspec
from rich.console import Group
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from benchtui.files import unwritable, write_run_file
from benchtui.runs.directory import RunDirectory
from benchtui.settings.rows import SAME_WITHIN
from benchtui.text import one_line
from screens.page import Page
from screens.run.resuming import resume_from
from screens.widgets.plain import Plain

if TYPE_CHECKING:
    from benchtui.compare.hybrid.conclusions import SweptConclusions
    from benchtui.routing.sweeps.records import Measure, Sweep

PAGE = "sweep.html"
"""Its name in the folder of the run."""


@dataclass(frozen=True)
class _Shown:
    """What is shown of a sweep: one of its tasks, the work that the curve is drawn over (None: the first that was
    counted), and which of the task's metrics."""

    task: int = 0
    measure: Measure | None = None
    metric: int = 0


class Scrolled(VerticalScroll, can_focus=True):
    HELP = "Arrows and page keys scroll."


class SweepPage(Page):
    HELP = (
        "A line for each threshold, from the small model alone to the large one: what the large one has to do, the "
        "score, and the difference from the large one alone. The threshold is chosen on one half of the documents, "
        "and everything is reported on the other. [ and ] go from task to task; a changes what work is counted in. A "
        "share of tokens is no share of compute: the large model still reads what stands before its own."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left_square_bracket", "task(-1)", "Task before", tooltip="The task before", show=False),
        Binding("right_square_bracket", "task(1)", "Task", key_display="[/]", tooltip="The next task"),
        Binding("a", "axis", "Axis", tooltip="What the large model's work is counted in"),
        Binding("m", "metric", "Metric", tooltip="The next metric of the task"),
        Binding("h", "page", "HTML", tooltip="Write a page for browsers: curves and tables"),
        Binding("r", "resume", "Resume", tooltip="Resume a sweep that did not finish", show=False),
        Binding("escape", "back", "Back", tooltip="Back to where you came from"),
    ]

    def __init__(self, run: Path) -> None:
        super().__init__()
        self.run = run
        self._sweep: Sweep | None = None
        self._shown = _Shown()
        self._found: SweptConclusions | None = None

    def body(self) -> ComposeResult:
        yield Plain(id="sweep-cost")
        with Scrolled(id="sweep"):
            yield Plain("Reading …", id="sweep-text")

    def on_mount(self) -> None:
        self.crumbs("Sweep", self.run.name)
        self.query_one(Scrolled).focus()
        run = self.run

        def read() -> Sweep:
            from benchtui.routing.sweeps.records import read_sweep

            return read_sweep(run)

        self.load(read, self._take, group="sweep", failed=self._failed)

    def _failed(self, what: str, next_step: str) -> None:
        self.query_one("#sweep-text", Plain).show("")
        self.tell(what, next_step)

    def _take(self, sweep: Sweep) -> None:
        from benchtui.reports.wording.hybrid import cost_sentence

        self._sweep = sweep
        self.clear_notice()
        self.query_one("#sweep-cost", Plain).show(cost_sentence(sweep))
        if sweep.tasks:
            self._conclude(_Shown())
        else:
            self.query_one("#sweep-text", Plain).show("It has no task.")

    # What is shown.

    def _conclude(self, shown: _Shown) -> None:
        """Conclude from one task in a thread: intervals are drawn again and again."""
        sweep = self._sweep
        assert sweep is not None  # noqa: S101 - only called with what was read

        def conclude() -> tuple[_Shown, SweptConclusions]:
            from benchtui.compare.hybrid.conclusions import conclusions

            alone = msgspec.structs.replace(sweep, tasks=(sweep.tasks[shown.task],))
            return shown, conclusions(alone, SAME_WITHIN, shown.measure)

        self.load(conclude, self._concluded, group="sweep")

    def _concluded(self, found: tuple[_Shown, SweptConclusions]) -> None:
        other = found[0].task != self._shown.task
        self._shown, self._found = found
        self._draw()
        if other:
            self.query_one(Scrolled).scroll_home(animate=False)

    def _draw(self) -> None:
        sweep, found = self._sweep, self._found
        if sweep is None or found is None:
            return
        from benchtui.reports.hybrid.tables import sweep_view

        place, count = self._shown.task, len(sweep.tasks)
        right = f"task {place + 1} of {count}" if count > 1 else ""
        self.crumbs("Sweep", f"{one_line(sweep.small, 40)} + {one_line(sweep.large, 40)}", right=right)
        ((_, of_metrics),) = found.tasks
        chosen = of_metrics[self._shown.metric]
        width = max(self.size.width - 4, 40)
        parts = list(sweep_view(found, metric=f"{chosen.metric},{chosen.filter}", width=width))
        self.query_one("#sweep-text", Plain).update(Group(*parts, Text("")))

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    # What can be done.

    def action_task(self, by: int) -> None:
        sweep = self._sweep
        if sweep is None or len(sweep.tasks) < 2:
            self.notify("This sweep has one task.", timeout=3, markup=False)
            return
        place = (self._shown.task + by) % len(sweep.tasks)
        kept = self._shown.measure if self._shown.measure in sweep.tasks[place].measures else None
        self._conclude(_Shown(place, kept))

    def action_axis(self) -> None:
        sweep = self._sweep
        if sweep is None or not sweep.tasks:
            return
        measures = sweep.tasks[self._shown.task].measures
        now = self._shown.measure or measures[0]
        following = measures[(measures.index(now) + 1) % len(measures)]
        self._conclude(_Shown(self._shown.task, following, self._shown.metric))

    def action_metric(self) -> None:
        sweep = self._sweep
        if sweep is not None and sweep.tasks:
            metrics = len(sweep.tasks[self._shown.task].metrics)
            self._shown = _Shown(self._shown.task, self._shown.measure, (self._shown.metric + 1) % metrics)
            self._draw()

    def action_page(self) -> None:
        """Write the page of all tasks in a thread, and say where it is."""
        sweep, file = self._sweep, self.run / PAGE
        if sweep is None:
            return

        def write() -> Path:
            from benchtui.compare.hybrid.conclusions import conclusions
            from benchtui.reports.hybrid.page import sweep_html

            text = sweep_html(conclusions(sweep, SAME_WITHIN))
            try:
                write_run_file(file, text.encode())
            except OSError as error:
                raise unwritable(file, error) from error
            return file

        self.load(write, lambda file: self.tell(f"Written: {one_line(str(file), 300)}"), group="html")

    def action_resume(self) -> None:
        if self._sweep is None:
            resume_from(self, RunDirectory(self.run), self.navigator.open_runs)
        else:
            self.notify("This sweep is finished.", timeout=3, markup=False)
