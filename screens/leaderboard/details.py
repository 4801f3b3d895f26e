"""What is known of the cell under the cursor, in lines."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchtui.compare.leaderboard.records import Candidate, CandidateRun, Cell, Leaderboard
from benchtui.compare.wording import three_figures
from benchtui.models.layout import size_text
from benchtui.reports.leaderboard.cells import cell_words
from benchtui.reports.wording.leaderboard import best_sentences, measure_words
from benchtui.runs.directory import RunDirectory
from benchtui.runs.known import shown_name
from benchtui.text import one_line, printable
from screens.result_text import kind_colour
from screens.themes import Colours


def details(board: Leaderboard, place: int, column: int | None, colours: Colours) -> RenderableType:
    """Describe a row, and its cell in `column`. All text in it is plain."""
    candidate = board.candidates[place]
    parts: list[RenderableType] = []
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style=colours.muted, no_wrap=True)
    grid.add_column()
    if candidate.problem:
        parts.append(Text(f"✗ {one_line(candidate.problem, 300)}", style=colours.loss))
    if column is None:
        parts.append(Text(one_line(candidate.name, 200), style="bold"))
        lines = list(_about(board, place))
    else:
        cell = board.cells[place][column]
        parts.append(_sentence(cell, colours))
        lines = [*_of_cell(board, place, column), *_best(board, column)]
        lines += _about(board, place)
    for label, words in lines:
        grid.add_row(Text(label), Text(one_line(words, 1_000)))
    return Group(*parts, grid)


def about_below(candidate: Candidate, run: CandidateRun | None, colours: Colours) -> RenderableType:
    """Describe a line below a row: another run, or one of the seeds that the row is the mean of."""
    name = one_line(candidate.name, 200)
    if run is None:
        return Text(f"One of the seeds of {name}. Enter compares it with its base.")
    what = f"Another run of {name}, which does not count here. Enter compares it with its base."
    return Group(Text(what), Text(shown_name(RunDirectory(run.path)), style=colours.muted))


def _sentence(cell: Cell, colours: Colours) -> Text:
    if cell.state == "missing":
        return Text("There is no score of this task.", style=colours.muted)
    if cell.state == "pending":
        return Text("… is being compared with its reference.", style=colours.muted)
    if cell.state == "not comparable":
        return Text(
            f"✕ Not comparable: {printable(cell.why, 400).removeprefix('Not comparable: ')}", style=colours.warning
        )
    if cell.row is not None and cell.row.verdict is not None:
        verdict = cell.row.verdict
        return Text(printable(verdict.sentence, 400), style=kind_colour(verdict.tone, colours))
    return Text("This row is compared with no other one.", style=colours.muted)


def _of_cell(board: Leaderboard, place: int, column: int) -> Iterator[tuple[str, str]]:
    cell, about = board.cells[place][column], board.columns[column]
    if cell.value is None:
        return
    words = cell_words(cell, about)
    interval = f" (95 % CI {words.interval})" if words.interval else ""
    n = f"n {words.n}" if words.n else f"n {cell.n:,}"
    measure = "" if about.tasks else measure_words(about)
    parts = (f"{words.score}{interval}", n, "part of the task" if cell.partial else "", words.seeds, measure)
    yield "Score", ", ".join(filter(None, parts))
    reference = board.references[place]
    if cell.row is not None and cell.row.tested is not None and reference is not None:
        tested = cell.row.tested
        corrected = f", corrected for {board.tests:,} tests" if board.tests > 1 else ""
        yield "Against", f"{board.candidates[reference].name}: {tested.method}, {tested.n:,} pairs{corrected}"


def _best(board: Leaderboard, column: int) -> Iterator[tuple[str, str]]:
    title = f"{board.columns[column].title}: "
    yield from (("Best", words.removeprefix(title)) for words in best_sentences(board) if words.startswith(title))


def _about(board: Leaderboard, place: int) -> Iterator[tuple[str, str]]:
    candidate = board.candidates[place]
    words = ", ".join(filter(None, (*_kind(candidate), *_facts(candidate))))
    if words:
        yield "Row", words


def _kind(candidate: Candidate) -> Iterator[str]:
    key = candidate.key
    yield "a base" if key.base else key.format
    yield key.backend
    yield key.quantization
    if candidate.base_name:
        yield f"base {candidate.base_name}"
    if candidate.step is not None:
        yield f"step {candidate.step:g}"


def _facts(candidate: Candidate) -> Iterator[str]:
    facts = candidate.facts
    if facts.size:
        yield f"{size_text(facts.size)} on disk"
    if facts.memory:
        yield f"{size_text(facts.memory)} of memory"
    if facts.speed:
        yield f"{three_figures(facts.speed)} tokens/s"
    if facts.length:
        yield f"{three_figures(facts.length)} tokens an answer"
    if candidate.seeds:
        yield f"{len(candidate.seeds)} seeds"
    if candidate.others:
        yield f"{len(candidate.others)} other run{'s' if len(candidate.others) > 1 else ''}"
