"""The plan of two models that write texts by turns."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import msgspec

from benchtui.plans.tokens import TextsPlan
from benchtui.routing.records import Side
from benchtui.routing.rules import SwitchRule, back_threshold
from benchtui.tokens.modes import DivergenceKind

PROFILED = 50
"""The most texts that a threshold in percent is taken from."""


class SwitchingPlan(TextsPlan, frozen=True, kw_only=True):
    """Two models, and the rule by which they write behind each prompt.

    `threshold` is a number, or "p95": that quantile of the divergences, at every token of texts that the beginning
    model writes alone behind the first PROFILED of the same prompts. `back` is a number, None for half of it.
    """

    kind: Literal["switching"] = "switching"
    divergence: DivergenceKind = "js"
    threshold: float | str = "p95"
    back: float | None = None
    min_stay: int = 1
    start: Side = "a"
    block: int | Literal["auto"] = "auto"

    def rule(self, up: float) -> SwitchRule:
        """Return the rule with the threshold `up`. Raises ValueError where that to come back is greater."""
        return SwitchRule(self.divergence, up, back_threshold(up, self.back), self.min_stay, self.start)

    @property
    def fingerprint(self) -> str:
        """Digest of everything that can change a text, or what it cost."""
        facts: list[Any] = [
            [model.score_settings() for model in self.models],
            self.text_facts(),
            msgspec.to_builtins(self.sampling),
            [self.divergence, self.threshold, self.back, self.min_stay, self.start, self.block],
        ]
        return hashlib.sha256(msgspec.json.encode(facts, order="sorted")).hexdigest()[:16]
