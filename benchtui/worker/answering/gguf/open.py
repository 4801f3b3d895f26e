"""How the worker opens a GGUF file: what `benchtui/backends/gguf.py` names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchtui.worker.answering.chat_template import TemplateRenderer
from benchtui.worker.answering.protocol import ModelPlan
from benchtui.worker.report import Reporter

if TYPE_CHECKING:
    from benchtui.worker.answering.gguf.answering import GgufAnswering


def open_model(plan: ModelPlan, reporter: Reporter, memory_share: float) -> GgufAnswering:
    """Load the plan's file. A smaller `memory_share` changes nothing: one document is answered at a time already.

    Raises BenchtuiError naming the file and what would help.
    """
    from benchtui.worker.answering.gguf.answering import GgufAnswering

    del memory_share
    return GgufAnswering.open(plan, reporter)


def open_chat(plan: ModelPlan) -> TemplateRenderer:
    """The plan's chat template with the file's vocabulary alone. Raises BenchtuiError naming the file."""
    from benchtui.worker.answering.gguf.model import Model
    from benchtui.worker.answering.gguf.tokenizer import GgufTokenizer

    model = Model(plan.source.path, vocabulary_only=True)
    try:
        return TemplateRenderer(model.path, GgufTokenizer(model).special_tokens, plan.prompts)
    finally:
        model.close()
