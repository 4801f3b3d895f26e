"""Makes a leaderboard: every candidate against a reference, judged together.

Holm's correction is used over all candidates and columns, not Dunnett's test: it holds for exact tests of right and
wrong as well as for means, for candidates with different references, and whatever the dependence between candidates of
one base is; Dunnett's needs normal scores with one common variance. A cell that is not compared yet counts as a test
with p = 1, so that what is shown while others are pending stays shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from benchtui.compare.history.history import Outcome
from benchtui.compare.leaderboard.pairs import Pair, PairedRuns
from benchtui.compare.leaderboard.records import Candidate, Cell, Column, Leaderboard
from benchtui.compare.records import Difference, Kind, Row
from benchtui.compare.verdicts.verdicts import judge
from benchtui.errors import UsageError
from benchtui.evidence.corrections import holm
from benchtui.evidence.records import PRICE_OF_LOOKS
from benchtui.tasks.words import task_title

OWN_BASE = "base"
"""The reference that each candidate is compared with unless another is named: the base that it was trained from."""


def columns_of(candidates: Sequence[Candidate]) -> tuple[Column, ...]:
    """Return a column for each task, those that most candidates have first."""
    counts = Counter(outcome.task for candidate in candidates for outcome in candidate.outcomes)
    by_task: dict[str, list[Outcome]] = {task: [] for task in counts}
    for candidate in candidates:
        for outcome in candidate.outcomes:
            by_task[outcome.task].append(outcome)
    return tuple(_column(task, by_task[task]) for task, _ in counts.most_common())


def _column(task: str, outcomes: Sequence[Outcome]) -> Column:
    metric = Counter(outcome.metric for outcome in outcomes).most_common(1)[0][0]
    of_metric = [outcome for outcome in outcomes if outcome.metric == metric]
    share = all(outcome.is_share for outcome in of_metric)
    return Column(task, task_title(task), metric, of_metric[0].higher_is_better, share)


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


def pair_of(candidates: Sequence[Candidate], references: Sequence[int | None], place: int, task: str) -> Pair | None:
    """Return the two runs that are compared for a candidate and a task; None where one of them is missing."""
    candidate, reference = candidates[place], references[place]
    run = candidate.runs.get(task)
    if run is None or reference is None:
        return None
    other = candidates[reference]
    theirs = candidate.base_runs.get(task) if other.key.base and other.key.model == candidate.base_name else None
    theirs = theirs or other.runs.get(task)
    return None if theirs is None else (theirs, run)


def pairs_of(
    candidates: Sequence[Candidate], references: Sequence[int | None], columns: Sequence[Column]
) -> Iterator[Pair]:
    """Yield every pair of runs that the leaderboard needs, each once."""
    found: dict[Pair, None] = {}
    for place in range(len(candidates)):
        for column in columns:
            pair = pair_of(candidates, references, place, column.task)
            if pair is not None and pair not in found:
                found[pair] = None
                yield pair


def make_leaderboard(
    candidates: Sequence[Candidate],
    references: Sequence[int | None],
    columns: Sequence[Column],
    compared: Mapping[Pair, PairedRuns],
) -> Leaderboard:
    """Judge every cell of which the pair is in `compared`; the others are pending."""
    cells = [
        [_cell(candidates, references, place, column, compared) for column in columns]
        for place in range(len(candidates))
    ]
    tests = sum(
        cell.state != "missing" and references[place] is not None for place, row in enumerate(cells) for cell in row
    )
    judged = _judged([cell for row in cells for cell in row], tests, compared, candidates, references, columns)
    width = len(columns)
    return Leaderboard(
        tuple(columns),
        tuple(candidates),
        tuple(references),
        tuple(tuple(judged[width * place : width * (place + 1)]) for place in range(len(candidates))),
        tests,
        best=tuple(None for _ in columns),
    )


def _cell(
    candidates: Sequence[Candidate],
    references: Sequence[int | None],
    place: int,
    column: Column,
    compared: Mapping[Pair, PairedRuns],
) -> Cell:
    outcome = candidates[place].outcome(column.task)
    if outcome is None:
        return Cell("missing")
    cell = Cell(
        "reference" if references[place] is None else "pending",
        outcome.value,
        None,
        outcome.n,
        outcome.total,
        outcome.partial,
        outcome.early,
        run=candidates[place].runs[column.task],
    )
    if references[place] is None:
        return cell
    if outcome.metric != column.metric:
        return msgspec.structs.replace(cell, state="not comparable", why=f"its metric is {outcome.metric}")
    pair = pair_of(candidates, references, place, column.task)
    if pair is None:
        return msgspec.structs.replace(cell, state="not comparable", why="the reference has no result of this task")
    found = compared.get(pair)
    if found is None:
        return cell
    if found.problem:
        return msgspec.structs.replace(cell, state="not comparable", why=found.problem)
    row = found.row(column.task)
    if row is None:
        return msgspec.structs.replace(cell, state="not comparable", why="no metric is in both runs")
    cell = msgspec.structs.replace(cell, interval=row.second.interval, row=row)
    if row.verdict is not None and row.verdict.kind is Kind.NOT_COMPARABLE:
        return msgspec.structs.replace(cell, state="not comparable", why=row.verdict.sentence)
    return msgspec.structs.replace(cell, state="compared")


def _judged(
    cells: Sequence[Cell],
    tests: int,
    compared: Mapping[Pair, PairedRuns],
    candidates: Sequence[Candidate],
    references: Sequence[int | None],
    columns: Sequence[Column],
) -> list[Cell]:
    """Correct the p-values of all compared cells together, and judge each anew."""
    rows = {
        number: cell.row
        for number, cell in enumerate(cells)
        if cell.state == "compared" and cell.row is not None and cell.row.tested is not None
    }
    p_values = []
    for number, row in rows.items():
        pair = pair_of(candidates, references, number // len(columns), columns[number % len(columns)].task)
        price = PRICE_OF_LOOKS if pair is not None and compared[pair].watched else 1.0
        p_values.append(min(1.0, price * _difference(row).p))
    corrected = holm([*p_values, *[1.0] * (tests - len(p_values))])
    found = list(cells)
    for (number, row), p in zip(rows.items(), corrected, strict=False):
        difference = msgspec.structs.replace(_difference(row), p_holm=p)
        verdict = judge(
            difference,
            higher_is_better=row.higher_is_better,
            is_share=row.is_share,
            corrected_for=f"one of {tests} tests" if tests > 1 else "",
        )
        judged = msgspec.structs.replace(row, difference=difference, verdict=verdict)
        found[number] = msgspec.structs.replace(cells[number], row=judged)
    return found


def _difference(row: Row) -> Difference:
    assert row.tested is not None  # noqa: S101 - the caller looked
    return row.tested
