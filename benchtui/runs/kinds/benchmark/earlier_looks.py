"""Earlier runs that might have stopped early: their scores were looked at while they went on, and a new run that asks
the same model the same is no fresh evidence.

Who runs `--decide-early` to its end undecided, and then the same without the flag, gets the same answers: judged as if
they had not been looked at they would be called different twice as often as they should.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from benchtui.plans.benchmark import TEMPLATE_DATE, BenchmarkPlan
from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal.shards import answered_in

_OF_ARITHMETIC = frozenset({"dtype", "lm-eval", TEMPLATE_DATE})
"""Settings that leave the answers all but the same; those of the backend itself are others."""

_OF_EXTENT = frozenset({"limit", "decide early", "decide for", "decide loss", "compared with"})
"""What decides how much of a task is asked, not what."""


def with_earlier_looks(plan: BenchmarkPlan, runs: Sequence[RunDirectory]) -> BenchmarkPlan:
    """The plan with the names of those of `runs` (others of the same model folder) that looked at the same answers; it
    keeps those it knows, which may have been removed since."""
    known = dict.fromkeys((*(plan.looked_at or ()), *earlier_looks(plan, runs)))
    return msgspec.structs.replace(plan, looked_at=tuple(known))


def earlier_looks(plan: BenchmarkPlan, runs: Sequence[RunDirectory]) -> tuple[str, ...]:
    """The names of those of `runs` that were looked at while the same model answered one of the same tasks.

    Changed weights, prompts or settings of generation make other answers; another limit, precision or version does not.
    """
    found: dict[str, None] = {}
    for run in runs:
        there = run.readable_plan()
        if there is None or there.role != plan.role or not _same_question(plan, there):
            continue
        if there.decide_early is not None and (answered_in(run) or run.lm_eval.is_dir()):
            found[run.path.name] = None
        found.update(dict.fromkeys(there.looked_at or ()))
    return tuple(found)


def _same_question(plan: BenchmarkPlan, other: BenchmarkPlan) -> bool:
    mine, theirs = (
        _without(each.score_settings(), _OF_ARITHMETIC | each.backend_settings.keys() | each.backend_identity.keys())
        for each in (plan, other)
    )
    if mine != theirs:
        return False
    tasks, others = plan.task_settings(), other.task_settings()
    return any(
        _without(tasks[name], _OF_EXTENT) == _without(others[name], _OF_EXTENT) for name in tasks if name in others
    )


def _without(settings: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in names}
