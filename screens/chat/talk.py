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


def beside(conversation: Conversation, answer: int, by: int) -> int:
    """Return the answer that is `by` places after this one among all to its turn, model by model; the first follows
    the last."""
    turn = conversation.answers[answer].asked.turn
    found = sorted((one.asked.model, one.number) for one in conversation.answers.values() if one.asked.turn == turn)
    at = [number for _, number in found].index(answer)
    return found[(at + by) % len(found)][1]
