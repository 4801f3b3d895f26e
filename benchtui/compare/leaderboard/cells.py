"""Finds for each cell of a leaderboard which runs are compared, and makes it of what was compared so far."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from benchtui.compare.history.history import Outcome
from benchtui.compare.leaderboard.pairs import MeanOf, Pair, PairedRuns, Runs, SeedsOf
from benchtui.compare.leaderboard.records import MEAN, Candidate, Cell, Column
from benchtui.compare.leaderboard.seeds import between
from benchtui.compare.records import Kind, Row
from benchtui.evidence.records import Interval

Compared = Mapping[Pair, PairedRuns]
Source = tuple[tuple[str, Path], ...]
"""The task and the run that a score is from; of a mean those of each task."""


def pair_of(
    candidates: Sequence[Candidate], references: Sequence[int | None], place: int, column: Column
) -> Pair | None:
    """Return what is compared for a candidate in a column: two runs, for a mean those of each task, for several seeds
    those of each; None where one of them is missing, and for several seeds against several others."""
    reference = references[place]
    return None if reference is None else _between(candidates[reference], candidates[place], column)


def _between(other: Candidate, candidate: Candidate, column: Column) -> Pair | None:
    if candidate.seeds or other.seeds:
        return None if candidate.seeds and other.seeds else _of_seeds(other, candidate, column)
    runs = {task: _runs_of(other, candidate, task) for task in tasks_of(column)}
    if not column.tasks:
        return runs[column.task]
    parts = tuple((task, both) for task, both in runs.items() if both is not None)
    return MeanOf(parts) if len(parts) == len(column.tasks) else None


def _of_seeds(other: Candidate, candidate: Candidate, column: Column) -> SeedsOf | None:
    found = [_between(one, seed, column) for one in other.seeds or (other,) for seed in candidate.seeds or (candidate,)]
    parts = tuple(part for part in found if part is not None and not isinstance(part, SeedsOf))
    return SeedsOf(column.task, parts) if len(parts) == len(found) else None


def _runs_of(other: Candidate, candidate: Candidate, task: str) -> Runs | None:
    run = candidate.runs.get(task)
    if run is None:
        return None
    theirs = candidate.base_runs.get(task) if other.key.base and other.key.model == candidate.base_name else None
    theirs = theirs or other.runs.get(task)
    return None if theirs is None else (theirs, run)


def tasks_of(column: Column) -> tuple[str, ...]:
    """Return the tasks that a column's scores are made of."""
    return column.tasks or (column.task,)


def pairs_of(plan: Plan, columns: Sequence[Column]) -> Iterator[Pair]:
    """Yield everything that is compared for the leaderboard, each once. A run whose scores are compared with no other
    is then read as a pair with itself, for the intervals of its scores."""
    found: dict[Pair, None] = {}
    known: set[Source | None] = set()
    for of_candidate in plan:
        for planned in of_candidate:  # the mean is the last column: its tasks are read before it
            known |= {planned.reference} if planned.pair is None else {planned.reference, planned.source}
            if planned.pair is not None and planned.pair not in found:
                found[planned.pair] = None
                yield planned.pair
    for of_candidate in plan:
        for planned, column in zip(of_candidate, columns, strict=True):
            source = planned.source
            if source is not None and source not in known and (itself := _with_itself(source, column)) not in found:
                found[itself] = None
                yield itself


def own_source(candidate: Candidate, column: Column) -> Source | None:
    """Return where a candidate's score in a column is from; None where it has none."""
    if candidate.seeds:
        sources = [source for seed in candidate.seeds if (source := own_source(seed, column)) is not None]
        return tuple(one for source in sources for one in source) if len(sources) == len(candidate.seeds) else None
    source = tuple((task, run) for task in tasks_of(column) if (run := candidate.runs.get(task)) is not None)
    return source if len(source) == len(tasks_of(column)) else None


def _source(pair: Pair, column: Column, side: int) -> Source:
    if isinstance(pair, SeedsOf):
        return tuple(dict.fromkeys(one for part in pair.parts for one in _source(part, column, side)))
    parts = pair.parts if isinstance(pair, MeanOf) else ((column.task, pair),)
    return tuple((task, runs[side]) for task, runs in parts)


def _with_itself(source: Source, column: Column) -> Pair:
    """Return a pair of each run with itself; of several seeds the tasks of each come one after another."""
    parts = tuple((task, (run, run)) for task, run in source)
    size = len(tasks_of(column))
    each: list[Runs | MeanOf] = [
        MeanOf(parts[start : start + size]) if column.tasks else parts[start][1] for start in range(0, len(parts), size)
    ]
    return each[0] if len(each) == 1 else SeedsOf(column.task, tuple(each))


def score_of(candidate: Candidate, column: Column) -> Outcome | None:
    """Return a candidate's score in a column; the mean is only of those that have all its tasks, by the columns' own
    metrics."""
    if not column.tasks:
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


class Planned(msgspec.Struct, frozen=True):
    """One cell before anything is compared: what will be compared for it, where its score is from and where its
    reference's."""

    cell: Cell
    pair: Pair | None
    source: Source | None
    reference: Source | None


Plan = Sequence[Sequence[Planned]]


def plan_cells(
    candidates: Sequence[Candidate], references: Sequence[int | None], columns: Sequence[Column]
) -> tuple[tuple[Planned, ...], ...]:
    """Return what will be compared for each candidate in each column."""
    return tuple(
        tuple(_planned(candidates, references, place, column) for column in columns) for place in range(len(candidates))
    )


def _planned(candidates: Sequence[Candidate], references: Sequence[int | None], place: int, column: Column) -> Planned:
    candidate = candidates[place]
    outcome, source = score_of(candidate, column), own_source(candidate, column)
    if outcome is None or source is None:
        return Planned(Cell("missing", why=_lacking(candidate, column)), None, None, None)
    runs = {run for _, run in source}
    cell = Cell(
        "reference" if references[place] is None else "pending",
        outcome.value,
        None,
        outcome.n,
        outcome.total,
        outcome.partial,
        outcome.early,
        run=runs.pop() if len(runs) == 1 else None,
        between=between(values) if len(values := _of_each_seed(candidate, column)) > 1 else None,
    )
    pair = pair_of(candidates, references, place, column)
    if why := _other_metric(candidate, column):
        cell = msgspec.structs.replace(cell, state="not comparable", why=why)
    elif references[place] is not None and pair is None:
        reference = candidates[references[place] or 0]
        both = bool(candidate.seeds and reference.seeds)
        why = "both are several seeds: name one of them" if both else "the reference has no result of this task"
        cell = msgspec.structs.replace(cell, state="not comparable", why=why)
    return Planned(cell, pair, source, _source(pair, column, 0) if pair is not None else None)


def _of_each_seed(candidate: Candidate, column: Column) -> list[float]:
    return [outcome.value for seed in candidate.seeds if (outcome := score_of(seed, column)) is not None]


def fill_cells(plan: Plan, columns: Sequence[Column], compared: Compared) -> list[list[Cell]]:
    """Make all cells of what was compared so far; their verdicts are not corrected yet."""
    intervals = _intervals_alone(plan, columns, compared)
    return [
        [_filled(planned, column, compared, intervals) for planned, column in zip(of_candidate, columns, strict=True)]
        for of_candidate in plan
    ]


def _filled(planned: Planned, column: Column, compared: Compared, intervals: Mapping[Source, Interval]) -> Cell:
    found = compared.get(planned.pair) if planned.pair is not None else None
    if found is not None and planned.cell.state == "pending":
        return _compared(planned.cell, column, found)
    interval = intervals.get(planned.source) if planned.source is not None else None
    return planned.cell if interval is None else msgspec.structs.replace(planned.cell, interval=interval)


def _intervals_alone(plan: Plan, columns: Sequence[Column], compared: Compared) -> dict[Source, Interval]:
    """Return the intervals of scores that are compared with no reference: from where they are the reference, or from
    the run alone."""
    alone = {
        planned.source: column
        for of_candidate in plan
        for planned, column in zip(of_candidate, columns, strict=True)
        if planned.source is not None and planned.cell.state != "pending"
    }
    found: dict[Source, Interval] = {}
    for source, column in alone.items():
        row = _row(compared.get(_with_itself(source, column)), column)
        if row is not None and row.second.interval is not None:
            found[source] = row.second.interval
    for of_candidate in plan:
        for planned, column in zip(of_candidate, columns, strict=True):
            if planned.reference in alone and planned.reference not in found and planned.pair is not None:
                row = _row(compared.get(planned.pair), column)
                if row is not None and row.first.interval is not None:
                    found[planned.reference] = row.first.interval
    return found


def _row(found: PairedRuns | None, column: Column) -> Row | None:
    row = found.row(column.task) if found is not None else None
    return row if row is not None and row.key == column.metric else None


def _compared(cell: Cell, column: Column, found: PairedRuns) -> Cell:
    row = _row(found, column)
    if row is None:
        why = found.problem or "the reference has no score of this metric"
        return msgspec.structs.replace(cell, state="not comparable", why=why)
    cell = msgspec.structs.replace(cell, interval=row.second.interval, row=row)
    if row.verdict is not None and row.verdict.kind is Kind.NOT_COMPARABLE:
        why = found.reasons.get(column.task) or row.verdict.sentence
        return msgspec.structs.replace(cell, state="not comparable", why=why)
    return msgspec.structs.replace(cell, state="compared")


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
        if outcome is not None and column.tasks and not math.isfinite(outcome.value):
            return f"the score of {task} is no number"
    return ""
