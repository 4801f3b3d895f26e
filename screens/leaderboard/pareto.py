"""Scores against what models cost: which are dominated, by which, and whether the scores show it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.console import Group
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from benchtui.reports.leaderboard.pareto import (
    TITLES,
    better_words,
    cost_words,
    dominator_words,
    front_sentences,
    how_dominated,
)
from benchtui.reports.leaderboard.scatter import scatter_lines
from benchtui.text import one_line, printable
from screens.leaderboard.grid import middle
from screens.leaderboard.view import ViewPage, coloured
from screens.result_text import kind_colour, score
from screens.widgets.plain import Plain
from screens.widgets.rows import Column, Rows

if TYPE_CHECKING:
    from benchtui.compare.leaderboard.assemble import Assembly, Missing
    from benchtui.compare.leaderboard.pareto import Front, Spot
    from benchtui.reports.leaderboard.views import Report

PLOT_FROM = 30
"""Lines of a terminal from which the plot has room above the rows."""


class SpotRows(Rows):
    HELP = (
        "A line for each model, the best score first, with what it costs and the model that dominates it: that one "
        "scores at least as well and costs no more. ▲ where its score is shown to be better, · where that may be "
        "chance. Enter opens the comparison of the two."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Compare", tooltip="The comparison with the model that dominates it"),
    ]


class ParetoPage(ViewPage["tuple[Front, ...]"]):
    NAME = "Costs"
    HELP = (
        "Is there a model that is better and costs less? Scores are set against size on disk, memory, tokens a second "
        "and the length of answers. a goes from cost to cost, [ and ] from task to task."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "axis", "Cost", tooltip="Size, memory, tokens a second or length of answers"),
    ]

    def body(self) -> ComposeResult:
        yield Plain(id="view-title")
        yield Plain(id="view-plot")
        yield SpotRows(
            [
                Column("Model", 16, grow=1),
                Column("Score", 6, right=True),
                Column("Cost", 9, right=True),
                Column("Dominated by", 14, grow=1),
                Column("Better by", 9, right=True),
                Column("p", 6, right=True, drop=2),
            ],
            id="spots",
            empty="Reading results …",
        )
        with VerticalScroll(id="view-detail", can_focus=False):
            yield Plain(id="view-text")

    def on_mount(self) -> None:
        self._axis = 0
        self.query_one(Rows).focus()
        super().on_mount()

    def missing(self) -> Missing:
        from benchtui.compare.leaderboard.views import of_pareto

        return of_pareto(self.column)

    def report(self) -> Report:
        from benchtui.reports.leaderboard.views import pareto_report

        return pareto_report(self.assembly, self.column)

    def made(self) -> Callable[[Assembly], tuple[Front, ...]]:
        from benchtui.compare.leaderboard.pareto import make_fronts

        column = self.column
        return lambda assembly: make_fronts(assembly.candidates, column, assembly.compared)

    def draw(self) -> None:
        if self.found is not None:
            self._axis = min(self._axis, max(len(self.found) - 1, 0))
            self._show()

    @property
    def _fronts(self) -> tuple[Front, ...]:
        return self.found or ()

    @property
    def _front(self) -> Front | None:
        return self._fronts[self._axis] if self._fronts else None

    def _show(self) -> None:
        rows, front = self.query_one(Rows), self._front
        if front is None:
            rows.empty = "Neither size, memory, speed nor length of answers is known of two models here."
            rows.show(0, lambda _: ())
            self.query_one("#view-title", Plain).show("")
            self.query_one("#view-plot", Plain).show("")
            self.crumb(self.column.title, 0)
            return
        title = TITLES[front.axis]
        rows.columns = (*rows.columns[:2], Column(title, max(len(title), 9), right=True), *rows.columns[3:])
        rows.show(len(front.spots), self._cells)
        costs = "   ".join(f"[{TITLES[each.axis]}]" if each is front else TITLES[each.axis] for each in self._fronts)
        self.query_one("#view-title", Plain).show(f"Score against {costs}")
        pending = {
            id(s.contrast) for each in self._fronts for s in each.spots if s.contrast and s.contrast.state == "pending"
        }
        self.crumb(front.column.title, len(pending))
        self._explain()

    def _cells(self, index: int) -> Sequence[Text]:
        front, colours = self._front, self.colours
        assert front is not None  # noqa: S101 - rows are only shown of a front
        spot, rows = front.spots[index], self.query_one(Rows)
        by = coloured(dominator_words(spot, self.assembly.candidates), colours)
        return (
            middle(Text(self.name_of(spot.candidate)), rows.column_width(0)),
            Text(score(spot.score, share=front.column.is_share)),
            Text(cost_words(spot.cost, front.axis)),
            middle(by, rows.column_width(3)),
            *(coloured(words, colours) for words in better_words(front, spot)),
        )

    @property
    def _spot(self) -> Spot | None:
        front, cursor = self._front, self.query_one(Rows).cursor
        return front.spots[cursor] if front is not None and cursor < len(front.spots) else None

    def _explain(self) -> None:
        front, spot, colours = self._front, self._spot, self.colours
        if front is None or spot is None:
            return
        plot = self.query_one("#view-plot", Plain)
        lines = list(scatter_lines(front, self.size.width - 2, spot.candidate)) if self.size.height >= PLOT_FROM else []
        plot.display = bool(lines)
        plot.update(Text("\n".join(lines), style=colours.primary, no_wrap=True))
        parts = [Text(self.name_of(spot.candidate), style="bold")]
        row = spot.contrast.row if spot.contrast is not None else None
        if row is not None and row.verdict is not None and spot.contrast is not None and spot.dominated_by is not None:
            first, second = (self.name_of(place, 50) for place in (spot.contrast.first, spot.contrast.second))
            words = f"{second} against {first}: {one_line(row.verdict.sentence, 400)}"
            parts.append(Text(words, style=kind_colour(row.verdict.tone, colours)))
        said = (*front_sentences(front, self.assembly.candidates), how_dominated(front))
        parts += [Text(printable(line), style=colours.muted) for line in said]
        self.query_one("#view-text", Plain).update(Group(*parts))

    def on_rows_moved(self) -> None:
        self._explain()

    def on_resize(self) -> None:
        self.call_after_refresh(self._explain)

    def on_rows_chosen(self) -> None:
        spot = self._spot
        if spot is None or spot.contrast is None:
            self.notify("No other model dominates this one.", timeout=3, markup=False)
        else:
            self.choose(spot.contrast.pair)

    def action_axis(self) -> None:
        if len(self._fronts) < 2:
            self.notify("One cost is known.", timeout=3, markup=False)
            return
        self._axis = (self._axis + 1) % len(self._fronts)
        self._show()
