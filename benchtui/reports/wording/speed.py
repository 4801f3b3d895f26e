"""Words for how fast a model answered, and on what."""

from __future__ import annotations

from collections.abc import Iterator

from benchtui.compare.records import Comparison
from benchtui.compare.speed import tokens_per_second
from benchtui.models.layout import size_text
from benchtui.reports.wording.workers import workers_words
from benchtui.results.records import RunResults
from benchtui.runs.speed import Speed


def speed_words(results: RunResults) -> str:
    """Return one line without a full stop: "reads 3,120 tokens/s (2,900 to 3,300), writes …"; "" where nothing was
    measured."""
    speed = results.speed
    if speed is None or not (speed.prefill or speed.decode):
        return ""
    each_of = f"each of {workers_words(speed.workers)} " if speed.workers > 1 else ""
    return each_of + ", ".join(_parts(speed))


def speed_lines(comparison: Comparison) -> Iterator[str]:
    """Return such a line for each side that was measured: "Speed of Base: reads …"."""
    sides = ((comparison.first_name, comparison.first), (comparison.second_name, comparison.second))
    for name, results in sides:
        if words := speed_words(results):
            yield f"Speed of {name}: {words}"


def _parts(speed: Speed) -> Iterator[str]:
    each = " for each of its answers" if speed.each == "answer" else ""
    if speed.prefill is not None:
        yield f"reads {tokens_per_second(speed.prefill)}{each}"
    if speed.decode is not None:
        yield f"writes {tokens_per_second(speed.decode)}{each}"
    if (wait := speed.first_token) is not None:
        yield f"first token after {wait.median:.2g} s ({wait.low:.2g} to {wait.high:.2g})"
    if speed.prompt_tokens is not None:
        yield f"prompts of {speed.prompt_tokens:,.0f} tokens (median)"
    if speed.memory is not None:
        yield f"{size_text(speed.memory)} of memory"
    if speed.device_memory is not None:
        yield f"{size_text(speed.device_memory)} on the device"
    if speed.machines:
        between = "; then on " if speed.workers == 1 else " and "
        yield f"on {between.join(speed.machines)}"
