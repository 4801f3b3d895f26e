"""Metrics of how likely a text was, the same for one reference and for whole texts."""

from __future__ import annotations

import re

from benchtui.tasks.metrics.answer import Likelihood


def greedy(text: Likelihood) -> float:
    """Return 1 where the model would have written the reference by itself, greedily."""
    return float(text.greedy)


def whole(text: Likelihood) -> float:
    """Return the log-probability of the whole text, in nats."""
    return text.nats


def by_bytes(text: Likelihood) -> tuple[float, float]:
    """Return log-probability and bytes of the text."""
    return text.nats, float(text.bytes)


def by_words(text: Likelihood) -> tuple[float, float]:
    """Return log-probability and words of the text, counted as lm-eval does."""
    return text.nats, float(len(re.split(r"\s+", text.text)))
