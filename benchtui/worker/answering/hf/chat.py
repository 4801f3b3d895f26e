"""Chat templates rendered by transformers, of one frozen moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchtui.plans.benchmark import PromptSettings
from benchtui.worker.answering.chat_template import stopped_clock
from benchtui.worker.answering.protocol import ChatRenderer


class HFChat(ChatRenderer):
    """A tokenizer's chat template, with the arguments that lm-eval's `hf` model hands to it."""

    def __init__(self, tokenizer: Any, arguments: Mapping[str, Any], prompts: PromptSettings) -> None:
        """`arguments` are handed to the template. Where the plan holds a moment, the template takes it for now."""
        self._tokenizer = tokenizer
        self._arguments = arguments
        self._moment = prompts.template_date

    @property
    def name(self) -> str:
        """As HFLM.tokenizer_name."""
        return str(self._tokenizer.name_or_path).replace("/", "__")

    def render(self, messages: Sequence[Mapping[str, str]], *, add_generation_prompt: bool) -> str:
        """As HFLM.apply_chat_template, but nothing is left out where the template refuses something."""
        with stopped_clock(self._moment):
            text: str = self._tokenizer.apply_chat_template(
                messages,
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
                continue_final_message=not add_generation_prompt,
                **self._arguments,
            )
        return text
