"""How the worker opens two models that answer as one: what `benchtui/backends/hybrid.py` names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchtui.models.source import hybrid
from benchtui.worker.answering import opening
from benchtui.worker.answering.hybrid.part_plan import part_plan
from benchtui.worker.answering.protocol import ChatRenderer, ModelPlan
from benchtui.worker.report import Reporter

if TYPE_CHECKING:
    from benchtui.worker.answering.hybrid.answering import HybridAnswering


def open_model(plan: ModelPlan, reporter: Reporter, memory_share: float) -> HybridAnswering:
    """Load both models: on one set of weights where they are a base and its adapter.

    Raises BenchtuiError naming the model and what would help, or the first token that differs between them, and
    OutOfMemoryError where they do not fit into memory together.
    """
    from benchtui.worker.answering.hybrid.answering import HybridAnswering

    return HybridAnswering.open(plan, reporter, memory_share)


def open_chat(plan: ModelPlan) -> ChatRenderer:
    """The plan's chat template with the tokenizer of the large model."""
    return opening.open_chat(part_plan(plan, hybrid(plan.source).large))
