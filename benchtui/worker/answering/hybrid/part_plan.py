"""How one of the two models of a hybrid is loaded."""

from __future__ import annotations

import msgspec

from benchtui.backends.gguf import GGUF
from benchtui.backends.hf import HF
from benchtui.models.source import HybridPart, hybrid
from benchtui.plans.benchmark import PromptSettings
from benchtui.plans.load import LoadPlan
from benchtui.worker.answering.protocol import ModelPlan


def part_plan(plan: ModelPlan, part: HybridPart) -> LoadPlan:
    """Return how one of the two models of a plan is loaded."""
    return LoadPlan(
        part.backend,
        part.source,
        _own_settings(plan, part),
        plan.device,
        plan.batch_size,
        plan.permissions,
        part.backend_settings,
        {name: value for name, value in plan.backend_options.items() if name != "large"},
    )


def _own_settings(plan: ModelPlan, part: HybridPart) -> PromptSettings:
    """What transformers' models are loaded with is not meant for a GGUF file beside one, which refuses it."""
    backends = {one.backend for one in hybrid(plan.source).parts}
    if part.backend != GGUF.name or HF.name not in backends:
        return plan.prompts
    shared = {name: value for name, value in plan.prompts.model_args.items() if name == "chat_template_args"}
    return msgspec.structs.replace(plan.prompts, dtype="auto", model_args=shared)
