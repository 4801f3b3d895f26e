"""How one of the two models of a hybrid is loaded."""

from __future__ import annotations

from benchtui.models.source import HybridPart
from benchtui.plans.load import LoadPlan
from benchtui.worker.answering.protocol import ModelPlan


def part_plan(plan: ModelPlan, part: HybridPart) -> LoadPlan:
    """Return how one of the two models of a plan is loaded."""
    return LoadPlan(
        part.backend,
        part.source,
        plan.prompts,
        plan.device,
        plan.batch_size,
        plan.permissions,
        part.backend_settings,
        {name: value for name, value in plan.backend_options.items() if name != "large"},
    )
