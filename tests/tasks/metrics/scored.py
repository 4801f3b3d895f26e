"""Scoring one answer in a test."""

from __future__ import annotations

from typing import Any

from benchtui.tasks.metrics.answer import Answer, Value
from benchtui.tasks.metrics.registry import choose


def score(metric: str, text: str, *references: str, **more: Any) -> Value:
    """Return the value of `metric` for the answer `text`; `more` are other fields of Answer."""
    (value,) = choose(metric).values(Answer(text, references, **more)).values()
    return value
