"""Chat prompts without the model: the tokenizer is enough to build them, so partial results need no weights."""

from __future__ import annotations

from typing import Any

from benchtui.runs.plan import RunPlan
from benchtui.worker.load import load_error, tokenizer_of


class TokenizerPrompter:
    """Applies the chat template exactly as lm-eval's HFLM does, by HFLM's own method. Imports PyTorch only if there is
    one: scoring needs nothing of it."""

    def __init__(self, plan: RunPlan) -> None:
        self.chat_template_args: dict[str, Any] = dict(plan.prompts.template_tokens)
        if plan.prompts.enable_thinking is not None:
            self.chat_template_args["enable_thinking"] = plan.prompts.enable_thinking
        self.tokenizer: Any = None
        if plan.prompts.chat_template is None:
            return
        from transformers import AutoTokenizer

        try:
            self.tokenizer = AutoTokenizer.from_pretrained(
                tokenizer_of(plan),
                revision=plan.source.revision or "main",
                trust_remote_code=plan.permissions.remote_code,
            )
        except Exception as error:  # transformers and the hub each raise their own
            raise load_error(tokenizer_of(plan), error) from error
        self.tokenizer.chat_template = plan.prompts.chat_template

    def apply_chat_template(self, *arguments: Any, **settings: Any) -> str:
        from lm_eval.models.huggingface import HFLM

        text: str = HFLM.apply_chat_template(self, *arguments, **settings)
        return text

    @property
    def tokenizer_name(self) -> str:
        return str(self.tokenizer.name_or_path).replace("/", "__")
