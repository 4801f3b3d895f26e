"""A chat as a file, by the name of a format."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from benchtui.plans.chat import ChatPlan
from benchtui.reports.chat.html import chat_html
from benchtui.reports.chat.markdown import chat_markdown
from benchtui.reports.chat.messages import chat_jsonl
from benchtui.runs.kinds.chat.conversation import Conversation

ChatFormat = Literal["markdown", "jsonl", "html"]

_WRITERS: dict[ChatFormat, Callable[[ChatPlan, Conversation, int | None], str]] = {
    "markdown": chat_markdown,
    "jsonl": chat_jsonl,
    "html": chat_html,
}


def chat_text(plan: ChatPlan, conversation: Conversation, format_: ChatFormat, end: int | None = None) -> str:
    """Return the branch of a chat up to the turn `end`; by default, of each first message, the branch that was written
    to last. Raises UsageError for a turn that is not there."""
    return _WRITERS[format_](plan, conversation, end)
