"""Prompts of messages, for servers that have a chat template of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from benchtui.errors import BenchtuiError
from benchtui.worker.answering.protocol import ChatRenderer


class Messages(ChatRenderer):
    """Prompts of messages, written as JSON: the server applies its own template to them."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def name(self) -> str:
        """As `ChatRenderer.name`."""
        return self._name

    def render(self, messages: Sequence[Mapping[str, str]], *, add_generation_prompt: bool) -> str:
        """As `ChatRenderer.render`. Raises BenchtuiError for an answer that the model is to continue."""
        if not add_generation_prompt:
            raise BenchtuiError(
                "A task begins the model's answer, which a server's chat route closes and answers anew.",
                "Use --endpoint completions for it.",
            )
        return json.dumps(list(messages), ensure_ascii=False)
