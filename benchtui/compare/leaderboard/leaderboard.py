"""Makes a leaderboard: every candidate against a reference, judged together.

Holm's correction is used over all candidates and columns, not Dunnett's test: it holds for exact tests of right and
wrong as well as for means, for candidates with different references, and whatever the dependence between candidates of
one base is; Dunnett's needs normal scores with one common variance. A cell that is not compared yet counts as a test
with p = 1, so that what is shown while others are pending stays shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from benchtui.compare.history.history import Outcome
from benchtui.compare.leaderboard.cells import Compared, Plan, fill_cells, plan_cells
from benchtui.compare.leaderboard.records import MEAN, OWN_BASE, Candidate, Cell, Column, Leaderboard
from benchtui.compare.records import Difference, Row
from benchtui.compare.verdicts.family import judged_among
from benchtui.errors import UsageError
from benchtui.evidence.corrections import holm
from benchtui.evidence.records import PRICE_OF_LOOKS
from benchtui.tasks.words import task_title
from benchtui.text import one_line


def columns_of(candidates: Sequence[Candidate], tasks: Sequence[str] = ()) -> tuple[Column, ...]:
    """Return a column for each task, those that most candidates have first, or for the named `tasks` alone; and the
    mean of these, where they have one. Raises UsageError for a task without scores."""
    by_task: dict[str, list[Outcome]] = {}
    for candidate in candidates:
        for outcome in candidate.outcomes:
            by_task.setdefault(outcome.task, []).append(outcome)
    if unknown := next((task for task in tasks if task not in by_task), None):
        known = ", ".join(by_task)
        raise UsageError(f"No candidate has a score of {unknown!r}.", f"Tasks with scores: {one_line(known, 200)}.")
    wanted = list(dict.fromkeys(tasks)) or sorted(by_task, key=lambda task: -len(by_task[task]))
    found = tuple(_column(task, by_task[task]) for task in wanted)
    return (*found, *_mean_of(found, candidates))


def _column(task: str, outcomes: Sequence[Outcome]) -> Column:
    metric = Counter(outcome.metric for outcome in outcomes).most_common(1)[0][0]
    of_metric = [outcome for outcome in outcomes if outcome.metric == metric]
    share = all(outcome.is_share for outcome in of_metric)
    return Column(task, task_title(task), metric, of_metric[0].higher_is_better, share)


def _mean_of(columns: Sequence[Column], candidates: Sequence[Candidate]) -> Iterator[Column]:
    """Yield the column of the mean over the tasks that are shares, more of which is better, and that at least half of
    the candidates have; none where fewer than two tasks are, no candidate has them all, or a task has that name."""
    if any(column.task == MEAN for column in columns):
        return
    fits = [column for column in columns if column.is_share and column.higher_is_better]
    half = sum(bool(candidate.outcomes) for candidate in candidates) / 2
    common = [c for c in fits if sum(each.outcome(c.task) is not None for each in candidates) >= half]
    tasks = tuple(column.task for column in common)
    if len(tasks) > 1 and any(all(each.outcome(task) is not None for task in tasks) for each in candidates):
        metrics = tuple(column.metric for column in common)
        yield Column(MEAN, f"Mean of {len(tasks)}", f"{MEAN},none", True, True, tasks, metrics)


def references_of(candidates: Sequence[Candidate], reference: str = OWN_BASE) -> tuple[int | None, ...]:
    """Return for each candidate the place of what it is compared with: its own base, or the candidate named
    `reference`. Raises UsageError where no candidate has that name."""
    if reference == OWN_BASE:
        bases = {candidate.key.model: place for place, candidate in enumerate(candidates) if candidate.key.base}
        return tuple(None if c.key.base else bases.get(c.base_name) for c in candidates)
    place = next((place for place, candidate in enumerate(candidates) if candidate.name == reference), None)
    if place is None:
        raise UsageError(f"No row of the leaderboard is called {reference!r}.", "Name one as the leaderboard has it.")
    return tuple(None if number == place else place for number in range(len(candidates)))


Verdicts = dict[int, tuple[Row, float, Row]]
"""Of cells by their number: a row, its corrected p-value, and the row with the verdict that follows."""


def make_leaderboard(
    candidates: Sequence[Candidate],
    references: Sequence[int | None],
    columns: Sequence[Column],
    compared: Compared,
    *,
    plan: Plan | None = None,
    known: Verdicts | None = None,
) -> Leaderboard:
    """Judge every cell of which the pair is in `compared`; the others are pending. `plan` is what `plan_cells` says;
    `known` keeps verdicts from one call to the next, of the same plan."""
    plan = plan_cells(candidates, references, columns) if plan is None else plan
    rows = fill_cells(plan, columns, compared)
    tests = sum(
        cell.state != "missing" and reference is not None
        for reference, cells in zip(references, rows, strict=True)
        for cell in cells
    )
    cells = [cell for row in rows for cell in row]
    pairs = [planned.pair for row in plan for planned in row]
    watched = [pair is not None and pair in compared and compared[pair].watched for pair in pairs]
    judged, width = _judged(cells, watched, tests, {} if known is None else known), len(columns)
    return Leaderboard(
        tuple(columns),
        tuple(candidates),
        tuple(references),
        tuple(tuple(judged[width * place : width * (place + 1)]) for place in range(len(candidates))),
        tests,
        best=tuple(None for _ in columns),
    )


def _judged(cells: Sequence[Cell], watched: Sequence[bool], tests: int, known: Verdicts) -> list[Cell]:
    """Correct the p-values of all compared cells together, and judge each anew."""
    rows = {
        number: cell.row
        for number, cell in enumerate(cells)
        if cell.state == "compared" and cell.row is not None and cell.row.tested is not None
    }
    prices = (PRICE_OF_LOOKS if watched[number] else 1.0 for number in rows)
    p_values = [min(1.0, price * _difference(row).p) for price, row in zip(prices, rows.values(), strict=True)]
    corrected = holm(p_values, tests=tests)
    found = list(cells)
    for (number, row), p in zip(rows.items(), corrected, strict=True):
        before = known.get(number)
        if before is None or before[0] is not row or before[1] != p:
            known[number] = before = (row, p, judged_among(row, p, tests))
        found[number] = msgspec.structs.replace(cells[number], row=before[2])
    return found


def _difference(row: Row) -> Difference:
    assert row.tested is not None  # noqa: S101 - the caller looked
    return row.tested
