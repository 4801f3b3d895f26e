"""What the pages beside a chat need of its session."""

from __future__ import annotations

from typing import Protocol

from benchtui.plans.chat import ChatPlan
from benchtui.routing.records import Sampling
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.chat.conversation import Conversation


class Talk(Protocol):
    """A `ChatSession` as pages that show a chat know it; the chat's own page keeps `conversation` up to date."""

    run: RunDirectory
    plan: ChatPlan
    conversation: Conversation

    @property
    def problem(self) -> str:
        """Why nothing more will be answered; "" while all is well."""

    def look(self, answer: int) -> int:
        """Let the other models read an answer, and return the number of the look."""

    def change(self, sampling: Sampling, system: str | None) -> None:
        """Change how answers are written from now on."""
