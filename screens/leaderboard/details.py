"""What is known of the cell under the cursor, in lines."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchtui.compare.leaderboard.records import Best, Candidate, Cell, Leaderboard
from benchtui.models.layout import size_text
from benchtui.reports.wording.scores import difference_interval, p_cell
from benchtui.text import one_line, printable
from screens.leaderboard.cells import n_words
from screens.result_text import kind_colour, score
from screens.themes import Colours

NAMED = 3
"""Rows that are named where several cannot be told apart."""


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
        lines = [*_of_cell(board, place, column), *_best(board, board.best[column], column)]
        lines += _about(board, place)
    for label, words in lines:
        grid.add_row(Text(label), Text(one_line(words, 400)))
    return Group(*parts, grid)


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
    words = f"{about.title}, {about.metric}: {score(cell.value, share=about.is_share)}"
    if cell.interval is not None:
        factor = 100 if about.is_share else 1
        words += f" (95 % CI {factor * cell.interval.low:.4g} to {factor * cell.interval.high:.4g})"
    words += f", n {n_words(cell.n, cell.total)}"
    words += ", part of the task" if cell.partial else ", decided early" if cell.early else ""
    words += "" if about.higher_is_better else ", less is better"
    if cell.between is not None:
        deviation = score(cell.between.deviation, share=about.is_share)
        words += f"; {cell.between.seeds} seeds, standard deviation between them {deviation}"
    yield "Score", words
    reference = board.references[place]
    if cell.row is not None and cell.row.tested is not None and reference is not None:
        tested = cell.row.tested
        corrected = f", corrected for {board.tests:,} tests" if board.tests > 1 else ""
        yield (
            "Change",
            (
                f"{difference_interval(cell.row)} (95 % CI), p {p_cell(cell.row)}{corrected}, {tested.method}, "
                f"{tested.n:,} pairs; against {board.candidates[reference].name}"
            ),
        )


def _best(board: Leaderboard, best: Best | None, column: int) -> Iterator[tuple[str, str]]:
    if best is None:
        return
    leader = board.candidates[best.leader].name
    if best.shown:
        words = f"{leader}: shown to be better than every other row"
    else:
        names = [board.candidates[place].name for place in best.tied]
        others = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
        words = f"not shown; {', '.join(one_line(name, 40) for name in names[:NAMED])}{others} cannot be told apart"
    if best.shrinkage is not None:
        points = score(best.shrinkage, share=board.columns[column].is_share)
        words += f". On new samples the leader is expected {points} lower, since it was chosen among {best.of:,}"
    yield "Best", words


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
        yield f"{facts.speed:.1f} tokens/s"
    if facts.length:
        yield f"{facts.length:.0f} tokens an answer"
    if candidate.seeds:
        yield f"{len(candidate.seeds)} seeds"
    if candidate.others:
        yield f"{len(candidate.others)} other run{'s' if len(candidate.others) > 1 else ''}"
