"""Writes the pairwise matrix, the steps and the costs in every format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchtui.compare.leaderboard.matrix import make_matrix
from benchtui.compare.leaderboard.pareto import make_fronts
from benchtui.compare.leaderboard.steps import make_curves
from benchtui.errors import UsageError
from benchtui.reports.leaderboard.drawing import Drawing, stacked_svg
from benchtui.reports.leaderboard.matrix import PAIR_COLUMNS, matrix_records, matrix_sheet
from benchtui.reports.leaderboard.pareto import PARETO_COLUMNS, front_drawing, front_sheet, pareto_records
from benchtui.reports.leaderboard.sheets import (
    Sheet,
    records_csv,
    sheets_html,
    sheets_latex,
    sheets_markdown,
    sheets_svg,
)
from benchtui.reports.leaderboard.steps import (
    NARROWEST,
    OTHERS,
    STEP_COLUMNS,
    WIDEST,
    curve_sheet,
    curve_title,
    step_records,
)
from benchtui.reports.leaderboard.steps_svg import curve_drawing
from benchtui.reports.wording.glyphs import UNICODE, Glyphs
from benchtui.text import json_text

if TYPE_CHECKING:
    from benchtui.compare.leaderboard.assemble import Assembly
    from benchtui.compare.leaderboard.records import Column

EVERYTHING = 10_000
"""Columns in which every column has room."""


@dataclass(frozen=True)
class Report:
    """What is written: tables with their sentences, and the same as records with named `columns`. `drawings` are the
    SVG; without one it is a picture of the tables."""

    title: str
    sheets: tuple[Sheet, ...]
    records: list[dict[str, Any]]
    columns: tuple[str, ...]
    drawings: tuple[Drawing, ...] = ()

    def written(self, form: str) -> str:
        """Return it as "markdown", "csv", "json", "html", "svg" or "latex"."""
        if form == "csv":
            return records_csv(self.records, self.columns)
        if form == "json":
            said = {sheet.title: list(sheet.sentences) for sheet in self.sheets}
            return json_text({"schema_version": 1, "sentences": said, "rows": self.records})
        if form == "html":
            return sheets_html(self.title, self.sheets)
        if form == "latex":
            return sheets_latex(self.sheets)
        if form == "svg":
            return stacked_svg(self.drawings) if self.drawings else sheets_svg(self.title, self.sheets)
        return sheets_markdown(self.sheets)


def pairwise_report(found: Assembly, column: Column, *, width: int = EVERYTHING, glyphs: Glyphs = UNICODE) -> Report:
    """Return the pairwise matrix of one column; its table has the columns that `width` has room for."""
    matrix = make_matrix(found.candidates, column, found.compared)
    sheet = matrix_sheet(matrix, width=width, glyphs=glyphs)
    return Report("Every pair of models", (sheet,), matrix_records(matrix), PAIR_COLUMNS)


def steps_report(found: Assembly, *, width: int = 80, glyphs: Glyphs = UNICODE) -> Report:
    """Return the curve of every series of checkpoints and every task. Raises UsageError where there is none."""
    curves = make_curves(found.board(), found.compared)
    if not curves:
        raise UsageError(
            "No model here has results of two checkpoints or more.",
            "Type `benchtui run --model MODEL --format all-checkpoints` first.",
        )
    plot = min(max(width - OTHERS, NARROWEST), WIDEST)
    sheets = tuple(curve_sheet(curve, plot=plot, glyphs=glyphs) for curve in curves)
    drawings = tuple(curve_drawing(curve, curve_title(curve)) for curve in curves)
    return Report("Scores over training", sheets, step_records(curves, found.candidates), STEP_COLUMNS, drawings)


def pareto_report(found: Assembly, column: Column, *, width: int = EVERYTHING, glyphs: Glyphs = UNICODE) -> Report:
    """Return the scores of a column against each cost. Raises UsageError where no cost is known of two candidates."""
    fronts = make_fronts(found.candidates, column, found.compared)
    if not fronts:
        raise UsageError(
            "Neither size, memory, speed nor length of answers is known of two models here.",
            "Runs of benchtui know them: type `benchtui run` first.",
        )
    sheets = tuple(
        front_sheet(front, found.candidates, last=front is fronts[-1], width=width, glyphs=glyphs) for front in fronts
    )
    drawings = tuple(front_drawing(front, found.candidates) for front in fronts)
    return Report("Scores and costs", sheets, pareto_records(fronts, found.candidates), PARETO_COLUMNS, drawings)


def column_named(columns: Sequence[Column], task: str, *, mean_first: bool = False) -> Column:
    """Return the column of a task, or the first one for "" (the mean if `mean_first` and there is one). Raises
    UsageError where there is none."""
    if mean_first and not task:
        columns = sorted(columns, key=lambda column: not column.tasks)
    found = next((column for column in columns if task in ("", column.task)), None)
    if found is None:
        raise UsageError(
            f"No model here has a score of {task!r}.",
            f"Tasks with scores: {', '.join(column.task for column in columns[:8])}. MODELs come before --pairwise.",
        )
    return found
