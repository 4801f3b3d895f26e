"""The model of a plan, opened by the backend that the plan names."""

from __future__ import annotations

import pkgutil

from benchtui.backends.registry import find_backend
from benchtui.worker.answering.protocol import Answering, AnsweringModule, ChatRenderer, ModelPlan
from benchtui.worker.report import Reporter


def open_answering(plan: ModelPlan, reporter: Reporter, memory_share: float) -> Answering:
    """Load the plan's model. Raises BenchtuiError naming the model and what would help."""
    return _module(plan).open_model(plan, reporter, memory_share)


def open_beside(answering: Answering, plan: ModelPlan, reporter: Reporter, memory_share: float) -> Answering | None:
    """The model of another plan while `answering` stays; None where they must be asked one after the other."""
    if find_backend(plan.backend).name != answering.facts.backend:
        return None
    return answering.beside(plan, reporter, memory_share)


def open_chat(plan: ModelPlan) -> ChatRenderer:
    """The plan's chat template without the model's weights. Raises BenchtuiError naming the tokenizer."""
    return _module(plan).open_chat(plan)


def _module(plan: ModelPlan) -> AnsweringModule:
    module: AnsweringModule = pkgutil.resolve_name(find_backend(plan.backend).answering)
    return module
