"""The messages of a chat as the prompt that a model reads."""

from __future__ import annotations

from collections.abc import Sequence

from benchtui.errors import BenchtuiError
from benchtui.runs.kinds.chat.asked import Message
from benchtui.text import one_line
from benchtui.worker.answering.protocol import ChatRenderer


def rendered(label: str, chat: ChatRenderer, messages: Sequence[Message]) -> str:
    """Return the prompt of an answer, by the model's own template. Raises BenchtuiError with what the template says
    where it refuses the messages."""
    given = [{"role": one.role, "content": one.content} for one in messages]
    try:
        return chat.render(given, add_generation_prompt=True)
    except BenchtuiError:
        raise
    except Exception as error:  # a template is a program of its author's, and may raise whatever it likes
        raise BenchtuiError(
            f"{label}: its chat template refuses the messages: {one_line(str(error), 200)}.",
            "Some templates allow no system prompt, or want user and assistant by turns.",
        ) from error
