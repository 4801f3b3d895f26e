"""The plan of a chat: which models answer, side by side, and how they write until the user says otherwise."""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

from benchtui.plans.tokens import ModelsPlan

MOST_MODELS = 4
"""The most models that answer side by side."""


class Ballot(msgspec.Struct, frozen=True, kw_only=True):
    """What is voted on in a blind vote: `prompts` one after another, () where the voter writes them; over after `votes`
    votes, None for no end. `seed` decides which models answer a prompt, and which of them is shown first."""

    seed: int
    prompts: tuple[str, ...] = ()
    votes: int | None = None


class ChatPlan(ModelsPlan, frozen=True, kw_only=True):
    """One to MOST_MODELS models that answer the same messages.

    `system` is the system prompt that a chat begins with, None for none. `blind`: who wrote which answer is not shown
    before the vote has ended; its `ballot` says what is voted on.
    """

    kind: Literal["chat"] = "chat"
    system: str | None = None
    blind: bool = False
    ballot: Ballot | None = None

    @property
    def fingerprint(self) -> str:
        """Digest of everything of the models that can change an answer."""
        facts = [model.score_settings() for model in self.models]
        return hashlib.sha256(msgspec.json.encode(facts, order="sorted")).hexdigest()[:16]
