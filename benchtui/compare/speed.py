"""How fast two models of a comparison answered, beside each other."""

from __future__ import annotations

from benchtui.compare.records import Comparison
from benchtui.compare.wording import three_figures
from benchtui.models.layout import size_text
from benchtui.runs.speed import Rate, Speed

FEWEST = 5
"""So many passes or answers show a spread."""
_KINDS = (("decode", "writes"), ("prefill", "reads"))


def smaller_but_slower(comparison: Comparison) -> str | None:
    """Return a sentence without a full stop where the smaller of two models is the slower one, beyond the spread of
    both: three quarters of its tokens took longer than three quarters of the other's. None where it is not, or where
    they were not measured alike."""
    first, second = comparison.first.speed, comparison.second.speed
    if first is None or second is None or first.weights is None or second.weights is None:
        return None
    if _measured_on(first) != _measured_on(second) or first.weights == second.weights:
        return None
    named = [(first, comparison.first_name), (second, comparison.second_name)]
    (small, small_name), (large, large_name) = sorted(named, key=lambda side: side[0].weights or 0)
    slower = [
        f"{verb} {tokens_per_second(one)}, {large_name} {tokens_per_second(other)}"
        for kind, verb in _KINDS
        if (one := _rate(small, kind)) and (other := _rate(large, kind)) and _beyond_the_spread(one, other)
    ]
    if not slower:
        return None
    sizes = f"{size_text(small.weights or 0)} against {size_text(large.weights or 0)}"
    return f"{small_name} is smaller ({sizes}) but slower here: it {'; it '.join(slower)}"


def _measured_on(speed: Speed) -> tuple[object, ...]:
    """What must be the same: workers at the same time take turns on the same processors, or share a device."""
    return speed.machines, speed.each, speed.workers


def _beyond_the_spread(slow: Rate, fast: Rate) -> bool:
    return min(slow.measured, fast.measured) >= FEWEST and slow.high < fast.low


def tokens_per_second(rate: Rate) -> str:
    """ "85 tokens/s (80 to 90)": the median, and between what half of the tokens were, where enough was measured."""
    if rate.measured < FEWEST:
        often = "once" if rate.measured == 1 else f"{rate.measured} times"
        return f"{three_figures(rate.median)} tokens/s (measured {often})"
    return f"{three_figures(rate.median)} tokens/s ({three_figures(rate.low)} to {three_figures(rate.high)})"


def _rate(speed: Speed, kind: str) -> Rate | None:
    return speed.prefill if kind == "prefill" else speed.decode
