"""Finds for each cell of a leaderboard which runs are compared, and makes it of what was compared so far."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from benchtui.compare.history.history import Outcome
from benchtui.compare.leaderboard.pairs import MeanOf, Pair, PairedRuns, Runs
from benchtui.compare.leaderboard.records import MEAN, Candidate, Cell, Column
from benchtui.compare.records import Kind, Row
from benchtui.evidence.records import Interval

Compared = Mapping[Pair, PairedRuns]
Source = tuple[tuple[str, Path], ...]
"""The task and the run that a score is from; of a mean those of each task."""


def pair_of(
    candidates: Sequence[Candidate], references: Sequence[int | None], place: int, column: Column
) -> Pair | None:
    """Return the two runs that are compared for a candidate in a column, for a mean those of each task; None where one
    of them is missing."""
    runs = {task: _runs_of(candidates, references, place, task) for task in tasks_of(column)}
    if column.task != MEAN:
        return runs[column.task]
    parts = tuple((task, both) for task, both in runs.items() if both is not None)
    return MeanOf(parts) if len(parts) == len(column.tasks) else None


def _runs_of(candidates: Sequence[Candidate], references: Sequence[int | None], place: int, task: str) -> Runs | None:
    candidate, reference = candidates[place], references[place]
    run = candidate.runs.get(task)
    if run is None or reference is None:
        return None
    other = candidates[reference]
    theirs = candidate.base_runs.get(task) if other.key.base and other.key.model == candidate.base_name else None
    theirs = theirs or other.runs.get(task)
    return None if theirs is None else (theirs, run)


def tasks_of(column: Column) -> tuple[str, ...]:
    """Return the tasks that a column's scores are made of."""
    return column.tasks if column.task == MEAN else (column.task,)


def pairs_of(
    candidates: Sequence[Candidate], references: Sequence[int | None], columns: Sequence[Column]
) -> Iterator[Pair]:
    """Yield everything that is compared for the leaderboard, each once. A run whose scores are compared with no other
    is then read as a pair with itself, for the intervals of its scores."""
    found: dict[Pair, None] = {}
    known: set[Source] = set()
    for place in range(len(candidates)):
        for column in sorted(columns, key=lambda column: column.task == MEAN):  # its tasks are read before it
            pair = pair_of(candidates, references, place, column)
            if pair is None:
                continue
            known.update(_source(pair, column, side) for side in (0, 1))
            if pair not in found:
                found[pair] = None
                yield pair
    for candidate in candidates:
        for column in columns:
            source = own_source(candidate, column)
            if source is not None and source not in known and (itself := _with_itself(source, column)) not in found:
                found[itself] = None
                yield itself


def own_source(candidate: Candidate, column: Column) -> Source | None:
    """Return where a candidate's score in a column is from; None where it has none."""
    source = tuple((task, run) for task in tasks_of(column) if (run := candidate.runs.get(task)) is not None)
    return source if len(source) == len(tasks_of(column)) else None


def _source(pair: Pair, column: Column, side: int) -> Source:
    parts = pair.parts if isinstance(pair, MeanOf) else ((column.task, pair),)
    return tuple((task, runs[side]) for task, runs in parts)


def _with_itself(source: Source, column: Column) -> Pair:
    parts = tuple((task, (run, run)) for task, run in source)
    return MeanOf(parts) if column.task == MEAN else parts[0][1]


def own_intervals(
    candidates: Sequence[Candidate], references: Sequence[int | None], columns: Sequence[Column], compared: Compared
) -> dict[Source, Interval]:
    """Return the intervals of single scores, from all that were compared."""
    found: dict[Source, Interval] = {}
    for place, candidate in enumerate(candidates):
        for column in columns:
            source = own_source(candidate, column)
            itself = _with_itself(source, column) if source is not None else None
            for pair in (pair_of(candidates, references, place, column), itself):
                if pair is not None and pair in compared:
                    found |= _intervals_in(pair, compared[pair].row(column.task), column)
    return found


def _intervals_in(pair: Pair, row: Row | None, column: Column) -> dict[Source, Interval]:
    if row is None or row.key != column.metric:
        return {}
    sides = enumerate((row.first, row.second))
    return {_source(pair, column, side): score.interval for side, score in sides if score.interval is not None}


def score_of(candidate: Candidate, column: Column) -> Outcome | None:
    """Return a candidate's score in a column; the mean is only of those that have all its tasks, by the columns' own
    metrics."""
    if column.task != MEAN:
        return candidate.outcome(column.task)
    outcomes = [outcome for task in column.tasks if (outcome := candidate.outcome(task)) is not None]
    if len(outcomes) < len(column.tasks):
        return None
    bases = [outcome.base for outcome in outcomes if outcome.base is not None]
    return Outcome(
        MEAN,
        column.metric,
        sum(outcome.value for outcome in outcomes) / len(outcomes),
        sum(bases) / len(bases) if len(bases) == len(outcomes) else None,
        sum(outcome.n for outcome in outcomes),
        sum(outcome.total for outcome in outcomes),
        higher_is_better=True,
        is_share=True,
        partial=any(outcome.partial for outcome in outcomes),
        early=any(outcome.early for outcome in outcomes),
        like=" ".join(outcome.like for outcome in outcomes),
    )


def cell_of(
    candidates: Sequence[Candidate],
    references: Sequence[int | None],
    place: int,
    column: Column,
    compared: Compared,
    intervals: Mapping[Source, Interval],
) -> Cell:
    """Make one cell; its verdict is not corrected yet."""
    candidate = candidates[place]
    outcome, source = score_of(candidate, column), own_source(candidate, column)
    if outcome is None or source is None:
        return Cell("missing", why=_lacking(candidate, column))
    runs = {run for _, run in source}
    cell = Cell(
        "reference" if references[place] is None else "pending",
        outcome.value,
        intervals.get(source),
        outcome.n,
        outcome.total,
        outcome.partial,
        outcome.early,
        run=runs.pop() if len(runs) == 1 else None,
    )
    if why := _other_metric(candidate, column):
        return msgspec.structs.replace(cell, state="not comparable", why=why)
    if references[place] is None:
        return cell
    pair = pair_of(candidates, references, place, column)
    if pair is None:
        return msgspec.structs.replace(cell, state="not comparable", why="the reference has no result of this task")
    found = compared.get(pair)
    return cell if found is None else _compared(cell, column, found)


def _compared(cell: Cell, column: Column, found: PairedRuns) -> Cell:
    row = found.row(column.task)
    if row is None or row.key != column.metric:
        why = found.problem or "the reference has no score of this metric"
        return msgspec.structs.replace(cell, state="not comparable", why=why)
    if row.verdict is not None and row.verdict.kind is Kind.NOT_COMPARABLE:
        why = found.reasons.get(column.task) or row.verdict.sentence
        return msgspec.structs.replace(cell, state="not comparable", why=why, row=row)
    return msgspec.structs.replace(cell, state="compared", row=row)


def _lacking(candidate: Candidate, column: Column) -> str:
    """Say which tasks a mean lacks; "" where there is just no score."""
    lacking = [task for task in column.tasks if candidate.outcome(task) is None]
    return f"no score of {', '.join(lacking[:3])}" if lacking and candidate.outcomes else ""


def _other_metric(candidate: Candidate, column: Column) -> str:
    """Say that a score is of another metric than the column's, or no number."""
    for task, metric in zip(tasks_of(column), column.metrics or (column.metric,), strict=True):
        outcome = candidate.outcome(task)
        if outcome is not None and outcome.metric != metric:
            return f"its metric is {outcome.metric}"
        if outcome is not None and column.task == MEAN and not math.isfinite(outcome.value):
            return f"the score of {task} is no number"
    return ""
