"""How a chat's answers are sampled, in the words that tasks use for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchtui.routing.records import Sampling


def generation_settings(sampling: Sampling) -> Mapping[str, Any]:
    """Return the settings as a task names them; all are named, so that no default of the model's takes their place."""
    if not sampling.samples:
        return {"do_sample": False}
    settings: dict[str, Any] = {
        "do_sample": True,
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
    }
    return settings | ({"min_p": sampling.min_p} if sampling.min_p else {})
