"""Finds out whether scores were looked at while they came in, so that the end is judged more strictly."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from benchtui.compare.names import Names
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.results.records import RunResults
from benchtui.runs.directory import RunDirectory, fine_tuned_runs
from benchtui.runs.kinds.benchmark.earlier_looks import earlier_looks
from benchtui.runs.known import FINE_TUNED
from benchtui.text import one_line


def why_watched(first: RunResults, second: RunResults) -> str:
    """Return why small p-values are more frequent than with a single look: one of the runs might have stopped early, or
    asks again what such a run did; "" for neither."""
    if first.may_stop_early or second.may_stop_early:
        return "a run that might have stopped early"
    return "a second run of what might have stopped early" if _looked_at(first) or _looked_at(second) else ""


def looked_at_before(first: RunResults, second: RunResults, names: Names) -> Iterator[str]:
    """Return a sentence for each run whose answers are those of an earlier run that might have stopped early."""
    for results, name in zip((first, second), names, strict=True):
        if not results.may_stop_early and (runs := _looked_at(results)):
            listed = ", ".join(one_line(run, 40) for run in runs[:3])
            yield (
                f"The answers of the {name} run were looked at before, in {listed} (--decide-early), which asked this "
                "model the same: it is judged at the 1 % that those looks left"
            )


def _looked_at(results: RunResults) -> tuple[str, ...]:
    """Return the earlier looks recorded when the run was made; for older runs, found from neighbouring runs that were
    made earlier."""
    if results.looked_at is not None:
        return results.looked_at
    run = RunDirectory(results.run)
    plan = run.readable_plan()
    if plan is None or run.path.parent.name != FINE_TUNED:
        return ()
    others = [other for other in fine_tuned_runs(run.path.parent.parent) if other.path.name != run.path.name]
    earlier = [other for other in others if (there := other.readable_plan()) and _made(there) <= _made(plan)]
    return earlier_looks(plan, earlier)


def _made(plan: BenchmarkPlan) -> float:
    try:
        return dt.datetime.fromisoformat(plan.created).timestamp()
    except ValueError:
        return 0.0
