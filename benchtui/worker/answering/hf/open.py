"""How the worker opens a model in Hugging Face's format: what `benchtui/backends/hf.py` names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchtui.models.source import hugging_face
from benchtui.worker.answering.chat_template import template_arguments
from benchtui.worker.answering.hf.chat import HFChat
from benchtui.worker.answering.protocol import ModelPlan
from benchtui.worker.report import Reporter

if TYPE_CHECKING:
    from benchtui.worker.answering.hf.answering import HFAnswering


def open_model(plan: ModelPlan, reporter: Reporter, memory_share: float) -> HFAnswering:
    """Load what the plan names, on the device and in the precision that it asks for or that suit the machine.

    Raises BenchtuiError naming the model and what would help.
    """
    from benchtui.worker.answering.hf.answering import HFAnswering

    return HFAnswering.open(plan, reporter, memory_share)


def open_chat(plan: ModelPlan) -> HFChat:
    """The plan's chat template with its tokenizer alone. Raises BenchtuiError naming the tokenizer."""
    from transformers import AutoTokenizer

    from benchtui.worker.answering.hf.load import load_error

    source = hugging_face(plan.source)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            source.tokenizer_place,
            revision=source.revision or "main",
            trust_remote_code=plan.permissions.remote_code,
        )
    except Exception as error:  # transformers and the hub each raise their own
        raise load_error(source.tokenizer_place, error) from error
    tokenizer.chat_template = plan.prompts.chat_template
    return HFChat(tokenizer, template_arguments(plan.prompts), plan.prompts)
