"""What follows from a sweep, task by task and metric by metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from benchtui.errors import BenchtuiError, UsageError
from benchtui.results.records import is_share
from benchtui.routing.sweeps.records import Measure, Sweep, SweptMetric, SweptTask
from benchtui.tasks.primary_metric import ordered
from benchtui.text import one_line

if TYPE_CHECKING:
    from benchtui.routing.sweeps.conclude import Conclusion


class SweptConclusions(msgspec.Struct, frozen=True):
    """The conclusions on each task of a sweep, its main metric first; `margin` in points."""

    sweep: Sweep
    tasks: tuple[tuple[SweptTask, tuple[Conclusion, ...]], ...]
    margin: float


def conclusions(sweep: Sweep, margin: float, measure: Measure | None = None) -> SweptConclusions:
    """Conclude from everything in a sweep. `margin` is in points, and is for shares: other metrics get no verdict;
    `measure` is what curves count work in, None: the first of `MEASURES` that was counted. Raises UsageError for a
    measure that was not."""
    from benchtui.routing.sweeps.conclude import concluded

    found = []
    for each in sweep.tasks:
        if measure is not None and measure not in each.measures:
            raise UsageError(
                f"{measure} of {one_line(each.task, 60)} were not counted.", f"There are {', '.join(each.measures)}."
            )
        task = msgspec.structs.replace(each, metrics=tuple(ordered(each.metrics)))
        try:
            of_metrics = tuple(
                concluded(
                    task,
                    metric,
                    measure=measure,
                    margin=margin / 100 if shares(metric) else None,
                    seed=sweep.seed,
                )
                for metric in task.metrics
            )
        except ValueError as error:
            raise BenchtuiError(
                f"Nothing follows from {one_line(task.task, 60)}: {one_line(str(error))}.", "Ask more documents."
            ) from None
        if of_metrics:
            found.append((task, of_metrics))
    if not found:
        raise BenchtuiError("No score of this sweep is a mean over its documents.", "Sweep another task.")
    return SweptConclusions(sweep, tuple(found), margin)


def shares(metric: SweptMetric) -> bool:
    """Whether a metric's scores are shares, to be shown in percent."""
    rows = (metric.small, metric.large, *metric.scores)
    return all(is_share(metric.metric, min(row)) and is_share(metric.metric, max(row)) for row in rows)


def shown_metric(of_metrics: Sequence[Conclusion], metric: str | None) -> Conclusion:
    """Return the conclusion on a metric, that on the main one where the task has no such metric."""
    named = (each for each in of_metrics if metric in (each.metric, f"{each.metric},{each.filter}"))
    return next(named, of_metrics[0])
