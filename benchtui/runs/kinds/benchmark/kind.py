"""The benchmark, as the machinery around runs knows it."""

from __future__ import annotations

from pathlib import Path

from benchtui.files import BENCHMARKS
from benchtui.plans.benchmark import BenchmarkPlan, side_by_side
from benchtui.runs.events import Event
from benchtui.runs.kinds.benchmark.combine import BenchmarkCombine
from benchtui.runs.kinds.benchmark.events import Marked, Planned, Progress, Routed, Scores
from benchtui.runs.kinds.benchmark.fold import BenchmarkFold
from benchtui.runs.kinds.benchmark.task_folders import own_task_folders, resume_flags
from benchtui.runs.kinds.kind import About, Kind, Working


def about(plan: BenchmarkPlan) -> About:
    """For the base of a trained model the name is the base model's."""
    weights = plan.model_name
    if plan.role == "base":
        weights = Path(plan.source.path).name if plan.source.local else plan.source.path
    return About(plan.role, weights, tuple(task.name for task in plan.tasks), plan.suite)


def working(event: Event) -> Working | None:
    if not isinstance(event, Progress):
        return None
    return Working(event.task, event.documents, event.documents_total)


def decides(plan: BenchmarkPlan) -> bool:
    return plan.decide_early is not None


BENCHMARK = Kind(
    name="benchmark",
    folder=BENCHMARKS,
    plan=BenchmarkPlan,
    events=(Planned, Progress, Marked, Routed, Scores),
    fold=BenchmarkFold,
    about=about,
    working=working,
    worker="benchtui.worker.benchmark.session",
    starting="importing lm-eval and PyTorch",
    resume="benchtui.benchmark.resume_benchmark:resume_benchmark",
    own_code=own_task_folders,
    combine=BenchmarkCombine,
    side_by_side=side_by_side,
    decides=decides,
    resume_flags=resume_flags,
)
