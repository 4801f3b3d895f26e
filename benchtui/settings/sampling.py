"""Generation settings that say how tokens are drawn, read as lm-eval reads them (0.4.13, `normalize_gen_kwargs`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ONLY_DRAWN = ("temperature", "top_k", "top_p", "min_p", "typical_p", "top_h", "epsilon_cutoff", "eta_cutoff")
"""Settings that change nothing where the likeliest token is taken."""


def is_drawn(settings: Mapping[str, Any]) -> bool:
    """Return whether tokens are drawn at random by these settings; where `do_sample` is not set, a temperature above 0
    says so."""
    temperature, sampled = settings.get("temperature"), settings.get("do_sample")
    if sampled is None:
        return temperature is not None and float(temperature) > 0
    return bool(sampled) and (temperature is None or float(temperature) > 0)


def without_effect(said: Mapping[str, Any], settings: Mapping[str, Any]) -> list[str]:
    """Return which of the settings that were `said` have no effect among all `settings` of a task, as "top_p=0.9":
    those of how tokens are drawn where none is drawn. A temperature of 0 says just that."""
    if is_drawn(settings):
        return []
    return [
        f"{name}={value}"
        for name, value in said.items()
        if name in ONLY_DRAWN and value is not None and (name, value) != ("temperature", 0)
    ]
