"""Which candidates a choice is among: those with a whole score of the column, inside all limits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from benchtui.compare.leaderboard.cells import plan_cells
from benchtui.compare.leaderboard.pick.records import Judged, Limits
from benchtui.compare.leaderboard.records import MEAN, Candidate, Cell, Column, Facts
from benchtui.compare.wording import three_figures
from benchtui.errors import UsageError
from benchtui.models.layout import size_text
from benchtui.text import one_line


def column_of(columns: Sequence[Column], name: str) -> Column:
    """Return the column of a task, or of the mean; where there is only one task, the mean is that task's.

    Raises UsageError where there is none, or where its scores are no shares.
    """
    found = next((column for column in columns if column.task == name), None)
    if found is None and name == MEAN and len(columns) == 1:
        found = columns[0]
    known = one_line(", ".join(column.task for column in columns if column.is_share), 300) or "none"
    if found is None and name == MEAN:
        raise UsageError("There is no mean to go by: no model has all tasks.", f"Name a task with --by: {known}.")
    if found is None:
        raise UsageError(f"No model has a score of {one_line(name, 80)!r}.", f"Tasks with scores: {known}.")
    if not found.is_share:
        raise UsageError(
            f"The score of {one_line(name, 80)} is no share, so points mean nothing for it.", f"Go by one of: {known}."
        )
    return found


def considered(candidates: Sequence[Candidate], column: Column, limits: Limits) -> Iterator[Judged]:
    """Yield each candidate but the bases as one that is to be judged ("cannot tell"), or why it takes no part."""
    plan = plan_cells(candidates, [None] * len(candidates), [column])
    for place, (candidate, (planned,)) in enumerate(zip(candidates, plan, strict=True)):
        if not candidate.key.base:
            yield _considered(place, candidate, planned.cell, column, limits)


def _considered(place: int, candidate: Candidate, cell: Cell, column: Column, limits: Limits) -> Judged:
    facts = candidate.facts
    if over := next(_beyond(facts, limits), ""):
        return Judged(place, "over", cell.value, why=over)
    why = candidate.problem or cell.why
    if not why and cell.value is None:
        why = f"no score of {column.task}"
    elif not why and cell.value is not None and not math.isfinite(cell.value):
        why = "its score is not a number"
    elif not why and (cell.early or cell.partial):
        why = f"{'stopped early' if cell.early else 'partial'}: {cell.n:,} of {cell.total:,} samples"
    why = why or next(_not_known(facts, limits), "")
    return Judged(place, "unknown" if why else "cannot tell", cell.value, why=why)


def _beyond(facts: Facts, limits: Limits) -> Iterator[str]:
    if limits.size is not None and facts.size is not None and facts.size > limits.size:
        yield f"{size_text(facts.size)} on disk, over {size_text(limits.size)}"
    if limits.memory is not None and facts.memory is not None and facts.memory > limits.memory:
        yield f"{size_text(facts.memory)} of memory, over {size_text(limits.memory)}"
    if limits.speed is not None and facts.speed is not None and facts.speed < limits.speed:
        yield f"{three_figures(facts.speed)} tokens/s, under {limits.speed:g}"


def _not_known(facts: Facts, limits: Limits) -> Iterator[str]:
    if limits.size is not None and facts.size is None:
        yield "its size is not known"
    if limits.memory is not None and facts.memory is None:
        yield "its memory is not known"
    if limits.speed is not None and facts.speed is None:
        yield "its speed is not known"
