"""A sweep over the thresholds of a small and a large model, as the machinery around runs knows it."""

from __future__ import annotations

from benchtui.plans.sweep import SweepPlan
from benchtui.runs.events import Event
from benchtui.runs.kinds.benchmark.task_folders import own_task_folders, resume_flags
from benchtui.runs.kinds.kind import About, Kind, Working
from benchtui.runs.kinds.sweep.events import SweepPlanned, Swept
from benchtui.runs.kinds.sweep.fold import SweepFold


def about(plan: SweepPlan) -> About:
    """Both models by their names."""
    return About("sweep", " + ".join(plan.labels), tuple(task.name for task in plan.tasks), plan.suite)


def working(event: Event) -> Working | None:
    """How far the stage in hand is."""
    if not isinstance(event, Swept):
        return None
    return Working(f"{event.task} ({event.stage})", event.documents, event.documents_total)


SWEEP = Kind(
    name="sweep",
    folder="sweeps",
    plan=SweepPlan,
    events=(SweepPlanned, Swept),
    fold=SweepFold,
    about=about,
    working=working,
    worker="benchtui.worker.sweep.session",
    starting="importing lm-eval and PyTorch",
    resume="benchtui.benchmark.resume_sweep:resume_sweep",
    own_code=own_task_folders,
    resume_flags=resume_flags,
)
