"""Scores over training steps: one model and task at a time, with the best so far and the first drop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.console import Group
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from benchtui.reports.leaderboard.steps import curve_sentences, curve_title, plotted, step_score, told
from benchtui.text import printable
from screens.leaderboard.view import ViewPage, coloured
from screens.result_text import kind_colour
from screens.widgets.plain import Plain
from screens.widgets.rows import Column, Rows

if TYPE_CHECKING:
    from benchtui.compare.leaderboard.assemble import Assembly, Missing
    from benchtui.compare.leaderboard.steps import Curve, Point, Series
    from benchtui.reports.leaderboard.views import Report

LEAST_PLOT = 16


class StepRows(Rows):
    HELP = (
        "A line for each checkpoint: its score (●) with the 95 % interval, the base (┊), and what it is against the "
        "best step before it. ▼ is shown to be worse than that one. Enter opens the comparison of the two; of a step "
        "that is not lower, the one with its base."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Compare", tooltip="With the best step before it, or with the base"),
    ]


class StepsPage(ViewPage["tuple[Curve, ...]"]):
    NAME = "Training"
    HELP = (
        "When was the model best, and when did it become worse? A drop is a step that is shown to be worse than the "
        "best one before it, corrected for every pair of steps of the model and all its tasks. [ and ] go from task "
        "to task, n to the next model."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "model", "Next model", tooltip="The next model with checkpoints"),
    ]

    def body(self) -> ComposeResult:
        yield Plain(id="view-title")
        yield StepRows(
            [
                Column("Step", 6, right=True),
                Column("", LEAST_PLOT, grow=1, drop=3),
                Column("Score (95 % CI)", 20, drop=2),
                Column("Best before", 22),
            ],
            id="curve",
            empty="Reading results …",
        )
        with VerticalScroll(id="view-detail", can_focus=False):
            yield Plain(id="view-text")

    def on_mount(self) -> None:
        from benchtui.compare.leaderboard.steps import series_of

        self._series = list(series_of(self.assembly.candidates))
        model = self.assembly.candidates[self.candidate].key.model if self.candidate is not None else None
        self._at = next((place for place, series in enumerate(self._series) if series.model == model), 0)
        self.query_one(Rows).focus()
        super().on_mount()

    @property
    def _chosen(self) -> Series | None:
        return self._series[self._at] if self._series else None

    def missing(self) -> Missing:
        from benchtui.compare.leaderboard.views import of_steps

        return of_steps(self._chosen) if self._series else lambda _: ()

    def made(self) -> Callable[[Assembly], tuple[Curve, ...]]:
        from benchtui.compare.leaderboard.steps import make_curves

        chosen = self._chosen
        return lambda assembly: make_curves(assembly.board(), assembly.compared, chosen) if chosen else ()

    def report(self) -> Report:
        from benchtui.reports.leaderboard.views import steps_report

        return steps_report(self.assembly)

    @property
    def _curve(self) -> Curve | None:
        """The curve of the task that is looked at, or the first one."""
        curves = self.found or ()
        return next((curve for curve in curves if curve.column == self.column), curves[0] if curves else None)

    def draw(self) -> None:
        rows, curve = self.query_one(Rows), self._curve
        if self.found is None:
            return
        if curve is None:
            rows.empty = "No model here has results of two checkpoints or more."
            rows.show(0, lambda _: ())
            self.crumb("", 0)
            return
        self.query_one("#view-title", Plain).show(curve_title(curve))
        rows.columns = (Column(curve.series.unit.capitalize(), 6, right=True), *rows.columns[1:])
        rows.show(len(curve.points), self._cells)
        many = f"{self._at + 1} of {len(self._series):,}" if len(self._series) > 1 else ""
        self.crumb(many, sum(each.pending for each in self.found))
        self._explain()

    def _cells(self, index: int) -> Sequence[Text]:
        curve, colours = self._curve, self.colours
        assert curve is not None  # noqa: S101 - rows are only shown of a curve
        point = curve.points[index]
        words = told(curve, index)
        drawn = Text(plotted(curve, point, max(self.query_one(Rows).column_width(1), 1)))
        drawn.stylize(coloured(words, colours).style if point.is_drop() or point.apart else colours.primary)
        if curve.base is not None and (base := drawn.plain.find("┊")) >= 0:
            drawn.stylize(colours.muted, base, base + 1)
        return (Text(f"{point.step:g}"), drawn, Text(step_score(curve, point)), coloured(words, colours))

    @property
    def _point(self) -> Point | None:
        curve, cursor = self._curve, self.query_one(Rows).cursor
        return curve.points[cursor] if curve is not None and cursor < len(curve.points) else None

    def _explain(self) -> None:
        curve, point, colours = self._curve, self._point, self.colours
        if curve is None or point is None:
            return
        parts = [Text(self.name_of(point.candidate), style="bold")]
        row = point.drop.row if point.drop is not None else point.cell.row
        if row is not None and row.verdict is not None:
            against = "the best before it" if point.drop is not None else "the reference"
            words = f"Against {against}: {printable(row.verdict.sentence, 400)}"
            parts.append(Text(words, style=kind_colour(row.verdict.tone, colours)))
        parts += [Text(printable(line), style=colours.muted) for line in curve_sentences(curve)]
        self.query_one("#view-text", Plain).update(Group(*parts))

    def on_rows_moved(self) -> None:
        self._explain()

    def on_rows_chosen(self) -> None:
        curve, point = self._curve, self._point
        if curve is None or point is None:
            return
        if point.drop is not None:
            self.choose(point.drop.pair)
            return
        from benchtui.compare.leaderboard.cells import pair_of

        board = self.assembly.board()
        self.choose(pair_of(board.candidates, board.references, point.candidate, curve.column))

    def action_model(self) -> None:
        if len(self._series) < 2:
            self.notify("No other model has checkpoints with results.", timeout=3, markup=False)
            return
        self._at = (self._at + 1) % len(self._series)
        self.fill()
