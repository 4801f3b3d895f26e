"""What two models have written by turns, as lines on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import mean
from typing import TYPE_CHECKING

from benchtui.text import one_line, printable

if TYPE_CHECKING:
    from rich.console import Console

    from benchtui.routing.switching_file import SwitchingFile, Written

DIVERGENCES = {"js": "JS", "kl": "KL(A‖B)", "kl-reverse": "KL(B‖A)", "tv": "TV"}
INSTRUMENT = (
    "Switching is an instrument, and no way to save time: both models compute every token, which costs more than the "
    "larger model alone."
)
ENDED = {"end": "an end token", "stop": "a stop string", "length": "the most tokens", "window": "a full window"}
SHOWN = 5
"""Texts whose switches are shown."""


def print_switching(file: SwitchingFile, console: Console) -> None:
    """Print the sums, the first texts and what they cost."""
    from rich.text import Text

    for line in switching_lines(file):
        console.print(Text(printable(line)), soft_wrap=True)


def switching_lines(file: SwitchingFile) -> Iterator[str]:
    """Yield the lines of the summary."""
    first, second = one_line(file.model_a, 60), one_line(file.model_b, 60)
    ours, name = file.benchtui, DIVERGENCES.get(file.divergence_type, file.divergence_type)
    unit = "" if file.divergence_type == "tv" else " nats"
    asked = ""
    if ours.profile is not None:
        asked = (
            f" ({ours.profile.asked} of {ours.profile.positions:,} tokens in {ours.profile.documents:,} texts "
            f"{one_line(ours.profile.texts, 100)})"
        )
    yield f"A = {first}, B = {second}: {_counted(file.num_questions, 'question')}"
    yield (
        f"to B where {name} > {file.threshold:.4g}{unit}{asked}, back to A where it is < "
        f"{file.switch_back_threshold:.4g}"
    )
    answered = [line for line in file.results if line.error is None]
    yield (
        f"{_counted(file.summary.total_switches, 'switch')}, {file.summary.avg_switches_per_question:.2f} a question; "
        f"{ours.tokens_by_model[0]:,} tokens by A, {ours.tokens_by_model[1]:,} by B"
    )
    if answered:
        lengths = [length for line in answered for _, length in line.run_lengths]
        yield f"a run of one model has {mean(lengths):.1f} tokens on average, the longest {max(lengths):,}"
        yield "ended by: " + ", ".join(f"{ENDED.get(why, why)} {times:,}" for why, times in ours.ended.items())
    for label, cost in zip("AB", ours.cost, strict=True):
        yield (
            f"cost of {label}: {cost['calls']:,} calls, {cost['positions']:,} positions computed, "
            f"{cost['discarded']:,} of them dropped again"
        )
    yield INSTRUMENT
    for line in answered[:SHOWN]:
        yield ""
        yield f"{one_line(line.place, 60)}: {_counted(line.num_switches or 0, 'switch')}"
        yield f"  {written_line(line)}"
    for line in file.results:
        if line.error is not None:
            yield f"{one_line(line.place, 60)} has no text: {one_line(line.error, 300)}"
    yield from (one_line(caveat, 300) for caveat in ours.caveats)


def _counted(count: int, noun: str) -> str:
    """ "1 switch", "2 switches"."""
    ending = "" if count == 1 else "es" if noun.endswith("ch") else "s"
    return f"{count:,} {noun}{ending}"


def written_line(line: Written) -> str:
    """Return the answer in one line, cut short, with the tokens at which it went to the other model."""
    points = ", ".join(
        f"{point.from_model.upper()}→{point.to_model.upper()} at {point.position} ({point.divergence:.3g})"
        for point in (line.switch_points or ())[:SHOWN]
    )
    more = len(line.switch_points or ()) - SHOWN
    told = f"{points}{f' and {more:,} more' if more > 0 else ''}" if points else "no switch"
    return f"{told}: {one_line(line.response or '', 200)}"
