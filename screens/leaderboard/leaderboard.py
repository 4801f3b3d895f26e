"""The leaderboard: models, checkpoints and quantisations in rows, tasks in columns, each against its reference."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Input

from benchtui.compare.leaderboard.order import NAME
from benchtui.compare.leaderboard.records import OWN_BASE
from benchtui.reports.leaderboard.cells import row_words
from benchtui.reports.leaderboard.page import default_sort, name_words, run_words
from benchtui.reports.wording.leaderboard import reference_words
from benchtui.runs.directory import RunDirectory
from benchtui.text import one_line
from screens.background import each_in_background
from screens.leaderboard.cells import FORMS, Form, cell_text, n_of, outcome_texts, widest
from screens.leaderboard.details import about_below, details
from screens.leaderboard.grid import Grid
from screens.leaderboard.lines import GROUPINGS, Heading, Line, Order, Row, below, lines_in
from screens.leaderboard.view import ViewPage, model_of, open_pair
from screens.page import Page
from screens.widgets.plain import Plain
from screens.widgets.rows import Column

if TYPE_CHECKING:
    from benchtui.compare.history.history import Outcome
    from benchtui.compare.leaderboard.assemble import Assembly
    from benchtui.compare.leaderboard.pairs import Pair
    from benchtui.compare.leaderboard.records import Candidate, Leaderboard

LONGEST_NAME = 60
NAME_WIDTH = 24
"""Cells of the first column at least; where there is more room, as many as the longest name has."""


class LeaderboardRows(Grid):
    HELP = (
        "A row for each model, checkpoint, quantisation and backend with results. In each cell: the score, its change "
        "against the reference, and the verdict: ▲ shown to be better, ▼ shown to be worse, · neither, ✕ not "
        "comparable, … still being compared. ★ is shown to be better than every other row; those with ≈ cannot be "
        "told apart from the leader. ◐ is part of a task. Enter opens the comparison behind a cell."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Compare", tooltip="The comparison behind this cell"),
    ]


class FilterField(Input):
    HELP = "Words of the names, formats, backends and bases to show; all of them have to occur. Enter: to the rows."


class LeaderboardPage(Page):
    HELP = (
        "Which model is best, and is it shown? Every score is compared with that of its base, or of the row that you "
        "choose with r, and all these tests are corrected together (Holm): filtering, sorting and grouping change no "
        "verdict. Left and right go from column to column; s sorts by the one with the cursor, and so does a click on "
        "its title."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort", "Sort", tooltip="Sort by this column; again: the other way round"),
        Binding("slash", "filter", "Filter", tooltip="Show only the rows with certain words"),
        Binding("o", "group", "Group", tooltip="Group by base, by model, or not"),
        Binding("space", "unfold", "Runs", tooltip="Show the other runs and seeds of this row, or hide them"),
        Binding("r", "reference", "Reference", tooltip="Compare all with this row; again: each with its own base"),
        Binding("m", "pairs", "Pairs", tooltip="Every pair of models in this column's task"),
        Binding("t", "training", "Training", tooltip="Scores over training steps", show=False),
        Binding("p", "costs", "Costs", tooltip="Scores against size, memory, speed and length", show=False),
        Binding("d", "form", "Width", tooltip="How much each cell says", show=False),
        Binding("h", "history", "History", tooltip="All runs of this model", show=False),
        Binding("f5", "reload", "Reload", tooltip="Look for results again", show=False),
        Binding("escape", "leave", "Back", tooltip="From the filter to the rows; from the rows back"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._assembly: Assembly | None = None
        self._board: Leaderboard | None = None
        self._reference = OWN_BASE
        self._order = Order()
        self._form: Form | None = None
        self._lines: Sequence[Line] = ()
        self._unfolded: set[str] = set()
        self._outcomes: dict[Path, tuple[Outcome, ...]] = {}

    def body(self) -> ComposeResult:
        yield FilterField(placeholder="Words to look for", id="board-filter", compact=True)
        yield LeaderboardRows([Column("Model", NAME_WIDTH)], id="board", empty="Looking for results …")
        with VerticalScroll(id="board-detail", can_focus=False):
            yield Plain(id="board-text")

    def on_mount(self) -> None:
        self.query_one(FilterField).display = False
        self.crumbs("Leaderboard")
        self.query_one(Grid).focus()
        self.app.theme_changed_signal.subscribe(self, lambda _: self._draw())
        self.call_after_refresh(self._load)  # thousands of models keep the interpreter busy: the page is drawn first

    # What is found, and compared while one looks.

    def _load(self) -> None:
        outputs, reference = self.settings.outputs, self._reference
        known = self._assembly

        def fill() -> Generator[tuple[Assembly, Leaderboard], None, None]:
            from benchtui.compare.leaderboard.assemble import assemble, assembly_of, complete

            found = assembly_of(known.candidates, reference=reference) if known else assemble(outputs)
            yield found, found.board()
            for newer in complete(found, first=self._in_view):
                yield newer, newer.board()

        each_in_background(self, fill, self._take, self._failed, group="board")

    def _in_view(self) -> Iterable[int]:
        lines, rows = self._lines, self.query_one(Grid)
        shown = [lines[place] for place in rows.visible_rows if place < len(lines)]
        return [line.place for line in shown if isinstance(line, Row)]

    def _failed(self, what: str, next_step: str) -> None:
        self.query_one(Grid).empty = ""
        self.tell(what, next_step)

    def _take(self, found: tuple[Assembly, Leaderboard]) -> None:
        first = self._board is None or self._board.columns != found[1].columns
        self._assembly, self._board = found
        rows = self.query_one(Grid)
        rows.empty = "No row has these words." if self._board.candidates else "Nothing has results yet."
        if first:
            self._order = replace(self._order, by=default_sort(self._board), reverse=False)
            self._columns()
            tasks = [NAME, *(about.task for about in self._board.columns)]
            rows.column = tasks.index(self._order.by)
        if first or len(self._lines) == 0:
            self._arrange()
        else:
            self._draw()

    def _columns(self) -> None:
        board = self._board
        if board is None:
            return
        rows = self.query_one(Grid)
        longest = max([NAME_WIDTH, *(len(candidate.name) + 2 for candidate in board.candidates)])
        form = self._form_now()
        rows.columns = (
            Column(_title("Model", NAME, self._order), NAME_WIDTH, grow=min(longest, LONGEST_NAME)),
            *(
                Column(_title(one_line(about.title, 40), about.task, self._order), form.width)
                for about in board.columns
            ),
        )
        rows.keep_in_sight()

    def _form_now(self) -> Form:
        columns = len(self._board.columns) if self._board else 0
        return self._form or widest(columns, self.size.width - NAME_WIDTH - 3)

    def on_resize(self) -> None:
        self._columns()

    def _arrange(self, *, follow: bool = False) -> None:
        """Put the lines into their order; the cursor stays on its row if `follow`, else goes to the first line."""
        board = self._board
        if board is None:
            return
        before = self._selected
        self._lines = lines_in(board, self._order, self._unfolded)
        rows = self.query_one(Grid)
        place = 1 if self._lines and isinstance(self._lines[0], Heading) else 0
        if follow and before in self._lines:
            place = self._lines.index(before)
        rows.show(len(self._lines), self._cells, cursor=place)
        self._draw()

    # Drawing.

    def _cells(self, index: int) -> Sequence[Text]:
        board, line = self._board, self._lines[index]
        assert board is not None  # noqa: S101 - lines are only made of a board
        colours, form = self.colours, self._form_now()
        if isinstance(line, Heading):
            return (Text(f"{one_line(line.words, 100)}  {line.rows:,}", style=f"bold {colours.primary}"),)
        if line.run is not None:
            name, outcomes = run_words(line.run), self._outcomes.get(line.run.path, ())
        elif line.seed is not None:
            name, outcomes = f"seed {line.seed.seed}: {one_line(line.seed.name, 200)}", line.seed.outcomes
        else:
            return self._row(line.place)
        return Text(f"    {name}", style=colours.muted), *outcome_texts(outcomes, board.columns, form, colours)

    def _row(self, place: int) -> Sequence[Text]:
        board, colours, form = self._board, self.colours, self._form_now()
        assert board is not None  # noqa: S101 - see above
        candidate = board.candidates[place]
        sign = " " if not below(candidate) else "▾" if candidate.name in self._unfolded else "▸"
        name = Text.assemble((f"{sign} ", colours.muted), name_words(candidate))
        if candidate.problem:
            name.append(f"  ✗ {one_line(candidate.problem, 100)}", style=colours.loss)
        alone = "reference" if self._is_reference(place) else "no base"
        texts = [
            cell_text(words, n_of(cell), form, colours, alone if cell.state == "reference" else "")
            for words, cell in zip(row_words(board, place), board.cells[place], strict=True)
        ]
        return name, *texts

    def _is_reference(self, place: int) -> bool:
        board = self._board
        assert board is not None  # noqa: S101 - see above
        return board.candidates[place].key.base or board.candidates[place].name == self._reference

    def _draw(self) -> None:
        board, rows = self._board, self.query_one(Grid)
        if board is None:
            return
        rows.redraw()
        against = one_line(reference_words(board), 40) or "nothing"
        right = f"{len(board.candidates):,} rows · against {against}"
        self.crumbs("Leaderboard", right=f"{right} · comparing {board.pending:,} …" if board.pending else right)
        line, text = self._selected, self.query_one("#board-text", Plain)
        if not isinstance(line, Row):
            text.show("")
            return
        if line.run is not None or line.seed is not None:
            text.update(about_below(board.candidates[line.place], line.run, self.colours))
            return
        column = rows.column - 1 if rows.column else None
        text.update(details(board, line.place, column, self.colours))

    @property
    def _selected(self) -> Line | None:
        place = self.query_one(Grid).cursor
        return self._lines[place] if place < len(self._lines) else None

    @property
    def _candidate(self) -> Candidate | None:
        line = self._selected
        return self._board.candidates[line.place] if self._board and isinstance(line, Row) else None

    def on_rows_moved(self) -> None:
        self._draw()

    def on_grid_sideways(self) -> None:
        self._draw()

    # Sorting, filtering, grouping.

    def on_grid_header(self, message: Grid.Header) -> None:
        self._sort(message.column)

    def action_sort(self) -> None:
        self._sort(self.query_one(Grid).column)

    def _sort(self, column: int) -> None:
        if self._board is None:
            return
        by = self._board.columns[column - 1].task if column else NAME
        self._order = replace(self._order, by=by, reverse=by == self._order.by and not self._order.reverse)
        self._columns()
        self._arrange()

    def action_group(self) -> None:
        following = GROUPINGS[(GROUPINGS.index(self._order.grouping) + 1) % len(GROUPINGS)]
        self._order = replace(self._order, grouping=following)
        self._arrange(follow=True)

    def action_filter(self) -> None:
        field = self.query_one(FilterField)
        field.display = True
        field.focus()
        field.select_all()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._order = replace(self._order, filter=event.value)
        self._arrange()

    def on_input_submitted(self) -> None:
        self._to_rows()

    def _to_rows(self) -> None:
        field = self.query_one(FilterField)
        self.query_one(Grid).focus()
        field.display = bool(field.value)

    def action_leave(self) -> None:
        if self.query_one(FilterField).has_focus:
            self._to_rows()
        else:
            self.action_back()

    # What can be done.

    def action_form(self) -> None:
        self._form = FORMS[(FORMS.index(self._form_now()) + 1) % len(FORMS)]
        self._columns()

    def action_reload(self) -> None:
        self._assembly = self._board = None
        self._lines = ()
        self._outcomes.clear()
        self.clear_notice()
        self._load()

    def action_unfold(self) -> None:
        candidate = self._candidate
        if candidate is None:
            return
        if not below(candidate):
            self.notify("There are no other runs of this row.", timeout=3, markup=False)
            return
        self._unfolded ^= {candidate.name}
        missing = [run.path for run in candidate.others if run.path not in self._outcomes]
        if candidate.name in self._unfolded and missing:
            self.load(lambda: _scores_of(missing), self._take_scores, group="runs")
        self._arrange(follow=True)

    def _take_scores(self, found: dict[Path, tuple[Outcome, ...]]) -> None:
        self._outcomes |= found
        self._draw()

    def action_reference(self) -> None:
        candidate = self._candidate
        if candidate is not None:
            self._reference = OWN_BASE if candidate.name == self._reference else candidate.name
            self._load()

    def action_history(self) -> None:
        candidate = self._candidate
        if candidate is None or candidate.folder is None:
            self.notify("This row lies in no model's folder.", timeout=3, markup=False)
        else:
            self.navigator.open_history(candidate.folder)

    def action_pairs(self) -> None:
        from screens.leaderboard.matrix import MatrixPage

        self._view(MatrixPage)

    def action_training(self) -> None:
        from screens.leaderboard.steps import StepsPage

        self._view(StepsPage)

    def action_costs(self) -> None:
        from screens.leaderboard.pareto import ParetoPage

        self._view(ParetoPage)

    def _view(self, page: type[ViewPage[Any]]) -> None:
        """Open a page of the same candidates, at the task with the cursor."""
        if self._assembly is not None and self._assembly.columns:
            line = self._selected
            place = line.place if isinstance(line, Row) else None
            self.app.push_screen(page(self._assembly, max(self.query_one(Grid).column - 1, 0), place))

    def on_rows_chosen(self) -> None:
        board, line = self._board, self._selected
        if board is None or not isinstance(line, Row):
            return
        if line.run is not None:
            run = RunDirectory(line.run.path)
            self.navigator.open_comparison(model_of(line.run.path), run)
            return
        pair = self._pair(board, line)
        if pair is None:
            words = "The row that all are compared with." if self._is_reference(line.place) else "Nothing to compare."
            self.notify(words, timeout=3, markup=False)
            return
        open_pair(self, pair)

    def _pair(self, board: Leaderboard, line: Row) -> Pair | None:
        """The two runs behind the cell with the cursor; on a name, those of the first column that has two."""
        from benchtui.compare.leaderboard.cells import pair_of

        column = self.query_one(Grid).column
        columns = board.columns if not column else board.columns[column - 1 : column]
        candidates = list(board.candidates)
        if line.seed is not None:
            candidates[line.place] = line.seed
        found = (pair_of(candidates, board.references, line.place, each) for each in columns)
        return next((pair for pair in found if pair is not None), None)


def _title(words: str, task: str, order: Order) -> str:
    return f"{'▴' if order.reverse else '▾'} {words}" if task == order.by else words


def _scores_of(runs: Sequence[Path]) -> dict[Path, tuple[Outcome, ...]]:
    from benchtui.compare.leaderboard.other_runs import scores_of_runs

    return scores_of_runs(runs)
