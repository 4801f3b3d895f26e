"""A leaderboard in the order in which it is shown: the rows of all reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from benchtui.compare.history.history import Outcome
from benchtui.compare.leaderboard.order import Grouping, grouped, ordered
from benchtui.compare.leaderboard.records import MEAN, Candidate, CandidateRun, Leaderboard
from benchtui.reports.leaderboard.cells import CellWords, outcome_words, row_words
from benchtui.reports.wording.glyphs import UNICODE, Glyphs
from benchtui.text import one_line


class Page(msgspec.Struct, frozen=True):
    """A leaderboard, the places of its candidates by group, what they are sorted by, and whether the runs that do not
    count, with their `scores`, and the seeds that were joined are shown below their rows."""

    board: Leaderboard
    groups: tuple[tuple[str, tuple[int, ...]], ...]
    sort: str
    all_runs: bool = False
    scores: Mapping[Path, Sequence[Outcome]] = {}


class Line(msgspec.Struct, frozen=True):
    """One row of a report: a "heading" of a group, which has no cells; a "candidate"; or below it a "seed" or another
    "run", which have no place of their own."""

    name: str
    kind: str = "candidate"
    place: int | None = None
    cells: tuple[CellWords, ...] = ()


def page_of(
    board: Leaderboard,
    *,
    sort: str | None = None,
    reverse: bool = False,
    group: Grouping | None = None,
    all_runs: bool = False,
    scores: Mapping[Path, Sequence[Outcome]] | None = None,
) -> Page:
    """Return a leaderboard in an order: by the mean of the tasks, or the first task, unless `sort` names another
    column. Raises UsageError for a column that it does not have."""
    by = sort or default_sort(board)
    return Page(board, grouped(board, ordered(board, by, reverse=reverse), group), by, all_runs, scores or {})


def default_sort(board: Leaderboard) -> str:
    tasks = [column.task for column in board.columns]
    return MEAN if MEAN in tasks else tasks[0] if tasks else "name"


def lines_of(page: Page, glyphs: Glyphs = UNICODE) -> Iterator[Line]:
    """Yield the rows from top to bottom."""
    for name, places in page.groups:
        if len(page.groups) > 1 or name:
            yield Line(one_line(name, 200) or "base unknown", "heading")
        for place in places:
            candidate = page.board.candidates[place]
            yield Line(name_words(candidate), "candidate", place, row_words(page.board, place, glyphs))
            if page.all_runs:
                yield from _below(page, candidate, glyphs)


def name_words(candidate: Candidate) -> str:
    """Return the name of a row as one line."""
    return one_line(candidate.name, 200)


def _below(page: Page, candidate: Candidate, glyphs: Glyphs) -> Iterator[Line]:
    for seed in candidate.seeds:
        name = f"  seed {seed.seed}: {one_line(seed.name, 200)}"
        yield Line(name, "seed", None, outcome_words(seed.outcomes, page.board.columns, glyphs))
    for run in candidate.others:
        outcomes = page.scores.get(run.path, ())
        yield Line(f"  {run_words(run)}", "run", None, outcome_words(outcomes, page.board.columns, glyphs))


def run_words(run: CandidateRun) -> str:
    """Return what another run of a candidate is: when it was made, its suite, and its state."""
    when = f"{run.created:%Y-%m-%d %H:%M}" if run.created else run.path.name
    state = "" if run.state == "finished" else run.state
    return ", ".join(filter(None, (one_line(when, 60), one_line(run.suite, 40), state)))
