"""What a sweep has really cost, beside what separate runs at its thresholds would have."""

from __future__ import annotations

from collections.abc import Iterator

from benchtui.routing.sweeps.records import Amounts, Measure, SweptTask
from benchtui.runs.kinds.sweep.fold import TEXTS, THRESHOLDS
from benchtui.worker.sweep.records import Measured, SweptAnswers
from benchtui.worker.sweep.task import SweepTask


def said_cost(task: SweepTask, record: SweptTask) -> Iterator[str]:
    """Yield what all thresholds of a task have cost together, in a sentence."""
    runs = len(record.thresholds) + 2
    if not task.writes:
        yield f"{task.name}: all {runs} points come from one pass of each model, {task.computed:,} positions together."
        return
    answers = task.found(TEXTS, SweptAnswers).values()
    profile = sum(each.positions for each in task.found(THRESHOLDS, Measured).values())
    small, large = (
        [sum(getattr(each, side)[part] for each in answers) for part in (0, 1)] for side in ("small", "large")
    )
    measured = f", beside {profile:,} positions for the quantiles" if profile else ""
    alone = [_separate(record, "calls", side) for side in (0, 1)]
    yield (
        f"{task.name}: all {runs} points took {small[0]:,} calls of the small model and {large[0]:,} of the large one "
        f"({small[1] + large[1]:,} positions{measured}); separate runs would take {alone[0]:,} and "
        f"{alone[1]:,}."
    )


def _separate(record: SweptTask, measure: Measure, side: int) -> int:
    """The work of one model in separate runs, at every threshold and of it alone."""
    alone = (record.small_alone, record.large_alone)[side]
    each: tuple[Amounts, ...] = (alone, *(record.small, record.large)[side])
    return int(sum(sum(amounts[measure]) for amounts in each))
