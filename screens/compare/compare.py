"""Compare two runs: what changed, how sure that is, and what it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from benchtui.compare.names import FINE_TUNED, short_names
from benchtui.compare.records import Comparison, Row
from benchtui.reports.wording.numbers import direction
from benchtui.reports.wording.scores import usual_intervals
from benchtui.results.records import RunResults
from benchtui.runs.directory import RunDirectory
from benchtui.runs.known import run_name
from benchtui.text import one_line, printable
from screens.compare.pick_run import PickRun
from screens.compare.row_details import detail, notes_text, own_text
from screens.page import Page
from screens.result_text import change, kind_colour, score
from screens.widgets.drawing import interval_bar
from screens.widgets.plain import Plain
from screens.widgets.rows import Column, Rows

if TYPE_CHECKING:
    from rich.table import Table

SMALLEST_SCALE = 0.05
"""The axis of the interval bars reaches at least five points to either side."""
MAX_DEPTH = 1


@dataclass(frozen=True)
class _Loaded:
    """`comparison` None where there is only one run; `alone` are its scores then, and `own` is it beside itself: its
    rows, whose samples can be read."""

    comparison: Comparison | None
    alone: Table | None
    runs: tuple[RunResults | None, RunResults | None]
    newer: tuple[str, ...] = ()
    own: Comparison | None = None


class ComparisonRows(Rows):
    HELP = (
        "A row for each task, its other metrics below it. The bar shows the change (●) with its 95 % confidence "
        "interval; where it covers the middle (┼), the data cannot tell the change from none. Enter shows the samples "
        "behind a row."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Samples", tooltip="The samples behind this row"),
    ]


class ComparePage(Page):
    """The base and the run that counts of a model folder, or its run `of`; or any two runs, `first` and `second`."""

    HELP = (
        "Two runs are compared only sample by sample. Differences in settings are named, and a change that the "
        "data cannot tell from none is called that."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "other", "Other runs", tooltip="Compare any two runs"),
        Binding("w", "swap", "Swap", tooltip="Exchange the two sides", show=False),
        Binding("x", "parts", "Parts", tooltip="Every subject of a group, or only its categories"),
        Binding("c", "copy", "Copy", tooltip="Copy the comparison as Markdown"),
        Binding("h", "history", "History", tooltip="All runs of this model", show=False),
    ]

    def __init__(
        self, model: Path, pair: tuple[RunDirectory, RunDirectory] | None = None, *, of: RunDirectory | None = None
    ) -> None:
        super().__init__()
        self._model, self._of = model, of
        self._pair = pair
        self._loaded: _Loaded | None = None
        self._shown: list[Row] = []
        self._all_parts = False

    def body(self) -> ComposeResult:
        yield Plain(id="sentence")
        yield ComparisonRows(
            [
                Column("Benchmark", 22, grow=3),
                Column("Base", 6, right=True),
                Column("Tuned", 6, right=True),
                Column("Change", 8, right=True),
                Column("95 % CI", 10, grow=2, drop=3),
                Column("n", 11, right=True, drop=4),
                Column("Verdict", 16),
            ],
            id="comparison",
            empty="Reading results and pairing samples …",
        )
        with VerticalScroll(id="detail", can_focus=False):
            yield Plain(id="alone")
            yield Plain(id="detail-text")
            yield Plain(id="notes")

    def on_mount(self) -> None:
        self.crumbs("Compare", self._model.name)
        self.query_one(Rows).focus()
        self.app.theme_changed_signal.subscribe(self, lambda _: self._draw())
        self._load()

    def _load(self) -> None:
        model, pair, of = self._model, self._pair, self._of
        self.load(lambda: _compare_runs(*pair) if pair else _compare_model(model, of), self._take, group="compare")

    def _take(self, loaded: _Loaded) -> None:
        self._loaded = loaded
        comparison = loaded.comparison
        if comparison is None:
            self._show_alone(loaded)
            return
        rows = self.query_one(Rows)
        columns = list(rows.columns)
        names = short_names((comparison.first_name, comparison.second_name), 12)
        columns[1:3] = [Column(name.replace(FINE_TUNED, "Tuned"), 6, right=True) for name in names]
        columns[4] = replace(columns[4], title="95 % CI" if usual_intervals(comparison) else "CI")
        rows.columns = tuple(columns)
        right = " ↔ ".join(_side_name(side) for side in (comparison.first, comparison.second))
        self.crumbs("Compare", self._model.name, right=right)
        self.query_one("#sentence", Plain).show(" ".join((comparison.sentence, *loaded.newer[:1])))
        self._choose_rows()

    def _choose_rows(self) -> None:
        comparison = self._loaded.comparison if self._loaded else None
        if comparison is not None:
            self._shown = [row for row in comparison.rows if self._all_parts or row.depth <= MAX_DEPTH]
            self.query_one(Rows).show(len(self._shown), self._cells)
            self._draw()

    def _show_alone(self, loaded: _Loaded) -> None:
        rows = self.query_one(Rows)
        self._shown = [row for row in loaded.own.rows if row.depth <= MAX_DEPTH] if loaded.own else []
        rows.display = bool(self._shown)
        rows.columns = (Column("Benchmark", 22, grow=3), Column("Score", 8, right=True), Column("n", 11, right=True))
        rows.show(len(self._shown), self._own_cells)
        side = "base" if loaded.runs[0] is None else "fine-tuned"
        self.query_one("#sentence", Plain).show(
            " ".join((f"There are no {side} results: these scores have nothing to stand beside.", *loaded.newer[:1]))
        )
        if loaded.alone is not None:
            alone = self.query_one("#alone", Plain)
            alone.update(loaded.alone)
            alone.display = True
        if loaded.own is not None:
            self.query_one("#notes", Plain).update(own_text(loaded.own.second, self.colours))

    # Drawing.

    def _cells(self, index: int) -> Sequence[Text]:
        row, colours = self._shown[index], self.colours
        comparison = self._loaded.comparison if self._loaded else None
        assert comparison is not None  # noqa: S101 - rows are only shown of a comparison
        from benchtui.reports.wording.scores import label, row_n
        from benchtui.reports.wording.verdicts import verdict_cell

        head = row.level == "headline"
        kind = row.verdict.tone if row.verdict else None
        style = kind_colour(kind, colours) if kind is not None else colours.muted
        indent = "" if head else "  " * max(row.depth, 1)
        digits = change(row.change, share=row.is_share)
        return (
            Text(indent + one_line(label(row, comparison), 60), style="bold" if head else ""),
            Text(score(row.first.value, share=row.is_share)),
            Text(score(row.second.value, share=row.is_share)),
            Text(f"{direction(row.improved)} {digits}", style=style if head else ""),
            self._interval(row, style),
            Text(row_n(row), style=colours.muted),
            Text(verdict_cell(row), style=style),
        )

    def _own_cells(self, index: int) -> Sequence[Text]:
        row, own = self._shown[index], self._loaded.own if self._loaded else None
        assert own is not None  # noqa: S101 - rows are only shown of what was loaded
        from benchtui.reports.wording.scores import label, row_n

        indent = "" if row.level == "headline" else "  " * max(row.depth, 1)
        name = Text(indent + one_line(label(row, own), 60), style="" if indent else "bold")
        return name, Text(score(row.second.value, share=row.is_share)), Text(row_n(row), style=self.colours.muted)

    def _interval(self, row: Row, style: str) -> Text:
        ends = row.interval
        width = self.query_one(Rows).column_width(4)
        if ends is None or not row.is_share or width < 7:
            return Text("")
        width -= 1 - width % 2
        return interval_bar(
            ends.low, row.change, ends.high, self._scale(), width, style=style, rest=self.colours.muted
        )  # fmt: skip

    def _scale(self) -> float:
        ends = [row.interval for row in self._shown if row.is_share]
        return max([*(max(abs(e.low), abs(e.high)) for e in ends if e is not None), SMALLEST_SCALE])

    def _draw(self) -> None:
        comparison = self._loaded.comparison if self._loaded else None
        if comparison is None or not self._shown:
            return
        rows = self.query_one(Rows)
        rows.redraw()
        row = self._shown[min(rows.cursor, len(self._shown) - 1)]
        self.query_one("#detail-text", Plain).update(detail(row, comparison, self.colours))
        self.query_one("#notes", Plain).update(notes_text(comparison, self.colours))

    def on_rows_moved(self) -> None:
        self._draw()

    # What can be done.

    def on_rows_chosen(self, message: Rows.Chosen) -> None:
        comparison = (self._loaded.comparison or self._loaded.own) if self._loaded else None
        if comparison is not None:
            from screens.compare.samples import SamplesPage

            self.app.push_screen(SamplesPage(comparison, self._shown[message.index]))

    def action_parts(self) -> None:
        self._all_parts = not self._all_parts
        self._choose_rows()

    def action_swap(self) -> None:
        comparison = self._loaded.comparison if self._loaded else None
        if comparison is not None:
            self._pair = (RunDirectory(comparison.second.run), RunDirectory(comparison.first.run))
            self._load()

    def action_other(self) -> None:
        def first(run: RunDirectory | None) -> None:
            if run is not None:
                self.app.push_screen(
                    PickRun(self.settings.outputs, f"{run_name(run)} against"), lambda b: second(run, b)
                )

        def second(a: RunDirectory, b: RunDirectory | None) -> None:
            if b is not None:
                self._pair = (a, b)
                self.clear_notice()
                self._load()

        self.app.push_screen(PickRun(self.settings.outputs, "Compare which run"), first)

    def action_copy(self) -> None:
        comparison = self._loaded.comparison if self._loaded else None
        if comparison is not None:
            from benchtui.reports.markdown import comparison_markdown

            self.navigator.copy(comparison_markdown(comparison), "the comparison as Markdown")

    def action_history(self) -> None:
        self.navigator.open_history(self._model)


def _side_name(results: RunResults) -> str:
    return printable(run_name(RunDirectory(results.run)).split("/", 1)[-1], 40)


def _compare_model(model: Path, run: RunDirectory | None) -> _Loaded:
    from benchtui.compare.summary import summarize
    from benchtui.results.choose import ChosenRuns, base_of

    summary = summarize(model, ChosenRuns(base_of(run, model), run) if run is not None else None)
    alone = own = None
    if summary.comparison is None and (results := summary.fine_tuned or summary.base) is not None:
        from benchtui.compare.compare import compare_runs
        from benchtui.reports.scores import scores_table

        alone, own = scores_table(results), compare_runs(results, results)
    newer = tuple(str(run) for run in summary.newer)
    return _Loaded(summary.comparison, alone, (summary.base, summary.fine_tuned), newer, own)


def _compare_runs(first: RunDirectory, second: RunDirectory) -> _Loaded:
    from benchtui.compare.compare import compare_runs
    from benchtui.results.read import read_run

    a, b = read_run(first), read_run(second)
    return _Loaded(compare_runs(a, b), None, (a, b))
