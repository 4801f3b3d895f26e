"""Generation settings that say how tokens are drawn, read as lm-eval reads them (0.4.13, `normalize_gen_kwargs`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from benchtui.errors import UsageError
from benchtui.text import one_line

ONLY_DRAWN = ("temperature", "top_k", "top_p", "min_p", "typical_p", "top_h", "epsilon_cutoff", "eta_cutoff")
"""Settings that change nothing where the likeliest token is taken."""

FLAGS = ("temperature", "top_k", "top_p", "min_p")
"""Settings that have a flag of their own beside --gen-kwargs."""
_EXPECTED = {
    "temperature": "a number, 0 or more",
    "top_k": "a whole number, 0 or more (0: no limit)",
    "top_p": "a number from 0 to 1",
    "min_p": "a number from 0 to 1",
}


def check_number(name: str, value: object) -> float | int:
    """Return the value of one of `FLAGS`. Raises ValueError with words for what is expected."""
    whole, most = name == "top_k", math.inf if name in ("temperature", "top_k") else 1
    kind = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kind) or not math.isfinite(value) or not 0 <= value <= most:
        raise ValueError(_EXPECTED[name])
    return value


def check_sampling(settings: Mapping[str, Any]) -> None:
    """Raise UsageError for settings of how tokens are drawn that say nothing (null) or that no backend can follow."""
    for name, value in settings.items():
        if value is None and name in (*ONLY_DRAWN, "do_sample"):
            raise UsageError(f"{name} is null, which does not say how tokens are drawn.", "Leave it out, or set it.")
        if name in FLAGS:
            try:
                check_number(name, value)
            except ValueError as error:
                shown = one_line(str(value), 40)
                raise UsageError(f"{name} must be {error}, not {shown}.", "Correct it.") from None
        if name == "do_sample" and not isinstance(value, bool):
            raise UsageError(
                f"do_sample must be true or false, not {one_line(str(value), 40)}.", "Write do_sample=true."
            )


def with_flags(settings: Mapping[str, Any], flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return generation settings with those that have been said by their own flags (None: not said). A temperature
    says whether tokens are drawn, so that a task that takes the likeliest one follows it too.

    Raises UsageError where both say one setting, and not the same.
    """
    said = {name: value for name, value in flags.items() if value is not None}
    if "temperature" in said:
        said["do_sample"] = said["temperature"] > 0
    for name, value in said.items():
        if name in settings and settings[name] != value:
            flag = "temperature" if name == "do_sample" else name
            raise UsageError(
                f"--{flag.replace('_', '-')} {flags[flag]:g} and {name}={one_line(str(settings[name]), 40)} in "
                "--gen-kwargs contradict each other.",
                "Say it in one of them.",
            )
    return {**settings, **said}


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
