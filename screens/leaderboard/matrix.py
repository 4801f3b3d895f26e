"""Every pair of models in one task: above the diagonal their difference, below it its p-value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.console import Group, RenderableType
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from benchtui.reports.leaderboard.matrix import matrix_cell, matrix_sentences, score_cell
from benchtui.text import printable
from screens.leaderboard.grid import Grid
from screens.leaderboard.view import ViewPage, coloured
from screens.result_text import kind_colour
from screens.widgets.plain import Plain
from screens.widgets.rows import Column

if TYPE_CHECKING:
    from benchtui.compare.leaderboard.assemble import Assembly, Missing
    from benchtui.compare.leaderboard.contrasts import Contrast
    from benchtui.compare.leaderboard.matrix import Matrix
    from benchtui.reports.leaderboard.views import Report

NAME_WIDTH, LONGEST_NAME = 28, 60
"""Cells of the first column at least, and at most."""


class MatrixRows(Grid):
    HELP = (
        "Rows and columns are the same models, the best one first. Above the diagonal: the score of the row minus that "
        "of the column, ▲ where it is shown to be better, ▼ worse, · neither. Below it: p, corrected for all pairs. "
        "✕ cannot be compared, … is still being compared. Enter opens the comparison of the two."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Compare", tooltip="The comparison of these two"),
    ]


class MatrixPage(ViewPage["Matrix"]):
    NAME = "Every pair"
    HELP = (
        "Which of these models differ? Every pair of one task is compared sample by sample, and all pairs are "
        "corrected together (Holm). [ and ] go from task to task; arrows go from pair to pair."
    )

    def body(self) -> ComposeResult:
        yield MatrixRows([Column("Model", NAME_WIDTH)], id="pairs", empty="Comparing …")
        with VerticalScroll(id="view-detail", can_focus=False):
            yield Plain(id="view-text")

    def on_mount(self) -> None:
        self.query_one(Grid).focus()
        super().on_mount()

    def missing(self) -> Missing:
        from benchtui.compare.leaderboard.views import of_matrix

        return of_matrix(self.column)

    def report(self) -> Report:
        from benchtui.reports.leaderboard.views import pairwise_report

        return pairwise_report(self.assembly, self.column)

    def made(self) -> Callable[[Assembly], Matrix]:
        from benchtui.compare.leaderboard.matrix import make_matrix

        column = self.column
        return lambda assembly: make_matrix(assembly.candidates, column, assembly.compared)

    def draw(self) -> None:
        matrix, rows = self.found, self.query_one(Grid)
        if matrix is None:
            return
        rows.empty = "No model has a score of this task."
        longest = max([NAME_WIDTH, *(len(self.name_of(place)) + 11 for place in matrix.order)])
        rows.columns = (
            Column("Model", NAME_WIDTH, grow=min(longest, LONGEST_NAME)),
            *(Column(str(number + 1), 7, right=True) for number in range(len(matrix.order))),
        )
        if rows.column == 0 and len(matrix.order) > 1:
            rows.column = 2  # the best one against the next
        rows.keep_in_sight()
        rows.show(len(matrix.order), self._cells)
        self.crumb(matrix.column.title, matrix.pending)
        self._explain()

    def _cells(self, index: int) -> Sequence[Text]:
        matrix, colours = self.found, self.colours
        assert matrix is not None  # noqa: S101 - rows are only shown of a matrix
        place = matrix.order[index]
        name = Text.assemble(
            (f"{index + 1:>2} ", colours.muted), f"{score_cell(matrix, place):>6} ", self.name_of(place)
        )
        return (name, *(coloured(matrix_cell(matrix, place, other), colours) for other in matrix.order))

    @property
    def _contrast(self) -> Contrast | None:
        """The pair with the cursor, None on the diagonal and on names."""
        matrix, rows = self.found, self.query_one(Grid)
        if matrix is None or not rows.column or not matrix.order:
            return None
        one, other = matrix.order[min(rows.cursor, len(matrix.order) - 1)], matrix.order[rows.column - 1]
        return None if one == other else matrix.contrast(one, other)

    def _explain(self) -> None:
        matrix = self.found
        if matrix is None:
            return
        contrast = self._contrast
        parts: list[RenderableType] = [] if contrast is None else list(self._about(contrast))
        parts += [
            Text(printable(line), style=self.colours.muted) for line in matrix_sentences(matrix, len(matrix.order))
        ]
        self.query_one("#view-text", Plain).update(Group(*parts))

    def _about(self, contrast: Contrast) -> Sequence[Text]:
        colours = self.colours
        first, second = self.name_of(contrast.first, 60), self.name_of(contrast.second, 60)
        title = Text(f"{second} against {first}", style="bold")
        if contrast.state == "pending":
            return (title, Text("… is being compared.", style=colours.muted))
        verdict = contrast.row.verdict if contrast.row is not None else None
        if contrast.state == "not comparable" or verdict is None:
            why = contrast.why or "There is no test of these two."
            return (title, Text(f"✕ not comparable: {printable(why, 400)}", style=colours.warning))
        return (title, Text(printable(verdict.sentence, 400), style=kind_colour(verdict.tone, colours)))

    def on_rows_moved(self) -> None:
        self._explain()

    def on_grid_sideways(self) -> None:
        self._explain()

    def on_grid_header(self, message: Grid.Header) -> None:
        self.query_one(Grid).column = message.column

    def on_rows_chosen(self) -> None:
        contrast = self._contrast
        self.choose(contrast.pair if contrast is not None else None)
