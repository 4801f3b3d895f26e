"""What the colour and the bars of an answer's tokens can show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchtui.reports.chat.tokens import Reading
from benchtui.reports.tokens.metrics import METRICS, TokenMetric
from benchtui.runs.kinds.chat.conversation import Answer


@dataclass(frozen=True)
class Shade:
    """A metric of the model that wrote, or JS with the model `other`."""

    metric: TokenMetric
    other: int | None = None

    def values(self, answer: Answer, reading: Reading | None) -> list[float | None]:
        """Return the value of each token, given what the `other` made of them; None where it is not known."""
        if self.other is not None:
            return list(reading.divergence) if reading is not None else []
        if self.metric.name == "logprob":
            return [None if token.logprob is None else -token.logprob for token in answer.tokens]
        return [token.entropy for token in answer.tokens]


def shades(answer: Answer, readings: Mapping[int, Reading]) -> list[Shade]:
    """Return all that can be shown of an answer: a server may tell probabilities and no entropy."""
    tokens = answer.tokens
    found = [Shade(METRICS["entropy"])] if any(token.entropy is not None for token in tokens) else []
    found += [Shade(METRICS["js"], model) for model, one in sorted(readings.items()) if one.divergence]
    found += [Shade(METRICS["logprob"])] if any(token.logprob is not None for token in tokens) else []
    return found or [Shade(METRICS["entropy"])]
