"""Prints the profile of a small model, and writes it as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from benchtui.compare.hybrid.profiled import Profiled
from benchtui.reports.tokens.cells import texts
from benchtui.reports.wording.glyphs import UNICODE, Glyphs, glyphs_for
from benchtui.reports.wording.hybrid import CALLS_FALL
from benchtui.reports.wording.tokens import estimate_words
from benchtui.text import json_text, one_line, printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from benchtui.routing.distribution import Distribution
    from benchtui.routing.profile import Drafting, Profile, SignalProfile

RANKS = (10, 30, 70, 90)
"""Of the percentiles from the top, those that a table has room for."""
NARROW = ("mean", "std", "median", "max", "top 10 %", "top 30 %")
"""The columns of a table with little room."""
WIDE = 110
"""Columns of a terminal from which all have room."""


def print_profile(found: Profiled, console: Console) -> None:
    """Print everything on a terminal, a pipe or a file."""
    for part in profile_view(found, glyphs_for(console.encoding), console.width):
        console.print(part)


def profile_view(found: Profiled, glyphs: Glyphs = UNICODE, width: int = 80) -> Iterator[RenderableType]:
    """Yield the tables and sentences, to be printed by rich in `width` columns."""
    from rich.text import Text

    profile = found.profile
    yield Text(printable(_models(found, glyphs)), style="bold")
    yield Text(printable(f"{one_line(found.texts, 200)}: {profile.documents:,} texts, {profile.tokens:,} tokens"))
    yield Text("")
    yield _distributions(profile, wide=width >= WIDE)
    yield Text("")
    yield _signals(profile)
    yield Text("")
    yield Text(printable(_recommended(profile)), style="bold")
    yield from (Text(printable(line)) for line in _held_out(profile, glyphs))
    if profile.greedy:
        yield Text("")
        yield _drafts(profile)
        yield from (Text(line, style="dim") for line in _of_drafts(found))
    yield Text("")
    yield Text(CALLS_FALL, style="bold")
    for warning in dict.fromkeys(each.warning for each in profile.signals if each.warning):
        names = ", ".join(each.name for each in profile.signals if each.warning == warning)
        yield Text(f"{names}: {warning}", style="dim")
    yield from (Text(f"! {printable(note)}", style="yellow") for note in found.notes)
    yield Text(_OF_TEXTS, style="dim")


_OF_TEXTS = (
    "Top 10 %: the value that a tenth of the tokens exceeds; top tenth: the mean of those. Finds: the share, of the "
    "tokens that the large model would write differently, which go to it. A profile is of the texts that were read: a "
    "threshold of one task does not carry to another, and the texts that a model writes by itself are likelier to it "
    "than those of others."
)


def profile_json(found: Profiled) -> str:
    """Return a profile as JSON, for scripts: keys are only ever added. Ends in a newline."""
    return json_text(profile_record(found))


def profile_record(found: Profiled) -> dict[str, Any]:
    """Return the same as plain objects."""
    record: dict[str, Any] = msgspec.to_builtins(found.profile)
    return {
        "small": found.small,
        "large": found.large,
        "texts": found.texts,
        **record,
        "cost_from": found.cost_from,
        "notes": list(found.notes),
        "said_of_cost": CALLS_FALL,
    }


def _models(found: Profiled, glyphs: Glyphs) -> str:
    large = "" if found.large is None else f"{glyphs.dot}large {one_line(found.large, 60)}"
    return f"profile of {one_line(found.small, 60)}{large}"


def _distributions(profile: Profile, *, wide: bool) -> Table:
    numbers = [_numbers(each.values) for each in profile.signals]
    shown = [name for name in (numbers[0] if numbers else {}) if wide or name in NARROW]
    table = _table("signal", *shown)
    for each, found in zip(profile.signals, numbers, strict=True):
        table.add_row(*texts(each.name, *(f"{found[name]:.4g}" for name in shown)))
    return table


def _numbers(values: Distribution) -> dict[str, float]:
    """What is told of a signal, by the headings of columns."""
    ranks = {f"top {rank} %": values.percentiles[f"top_{rank}%"] for rank in RANKS}
    ends = {"mean": values.mean, "std": values.std, "min": values.min, "median": values.median, "max": values.max}
    return {**ends, **ranks, "top tenth": values.top_10_percent.mean}


def _signals(profile: Profile) -> Table:
    """What each signal finds, and its thresholds."""
    shares = [f"{at.wanted:.0%} to large" for at in profile.signals[0].thresholds] if profile.signals else []
    table = _table("signal", "AUROC", *shares)
    ordered = sorted(profile.signals, key=lambda each: -(each.auroc or 0.0))
    for each in ordered:
        area = "" if each.auroc is None else f"{each.auroc:.3f}"
        row = texts(each.name, area, *(_threshold(each, number) for number in range(len(shares))))
        table.add_row(*row, style="bold" if each.name == profile.recommended else "")
    return table


def _threshold(signal: SignalProfile, number: int) -> str:
    at = signal.thresholds[number]
    caught = "" if at.caught is None else f", finds {at.caught:.0%}"
    share = "" if abs(at.share - at.wanted) < 0.01 else f" ({at.share:.0%})"
    return f"{at.threshold:.4g}{share}{caught}"


def _recommended(profile: Profile) -> str:
    signal = next(each for each in profile.signals if each.name == profile.recommended)
    if profile.differing is None:
        return f"Take --strategy {signal.name}, which mostly is best: without a large model nothing says which one is."
    of = f"{profile.differing:,} of {profile.tokens:,} tokens ({profile.differing / profile.tokens:.1%})"
    if signal.auroc is None:
        return f"The large model would write {of} differently: no signal can be told from another."
    return (
        f"Take --strategy {signal.name}: it tells best (AUROC {signal.auroc:.3f}) which tokens the large model would "
        f"write differently, {of}."
    )


def _held_out(profile: Profile, glyphs: Glyphs) -> Iterator[str]:
    if not profile.held_out:
        yield "Too few texts to check a threshold on others than it was chosen on."
        return
    yield f"Thresholds of {profile.recommended} from one half of the texts, and what they do on the other:"
    for each in profile.held_out:
        reached = estimate_words(each.share, glyphs, share=True)
        yield f"  wanted {each.wanted:.0%}: --threshold {each.threshold:.4g} gives {reached}"


def _drafts(profile: Profile) -> Table:
    sampled = bool(profile.sampled)
    columns = ["drafts", "accepted", "tokens a call"]
    table = _table(*columns, *([] if profile.cost is None else ["speed-up"]), *(
        ["accepted, drawn", "tokens a call, drawn"] if sampled else []
    ))  # fmt: skip
    for number, each in enumerate(profile.greedy):
        cells = [str(each.draft), _percent(each), _number(each.tokens_per_call)]
        if profile.cost is not None:
            cells.append(_number(each.speed_up))
        if sampled:
            drawn = profile.sampled[number]
            cells += [_percent(drawn), _number(drawn.tokens_per_call)]
        best = profile.cost is not None and each.speed_up == max(one.speed_up or 0 for one in profile.greedy)
        table.add_row(*texts(*cells), style="bold" if best else "")
    return table


def _of_drafts(found: Profiled) -> Iterator[str]:
    profile = found.profile
    where = "these texts" if profile.predicted == profile.tokens else f"the first {profile.predicted:,} tokens"
    yield (
        f"Predicted for --strategy speculative, along {where}: exact where the large model wrote them without "
        "sampling (--answers RUN of it), otherwise what texts like these would give. Drawn: where both sample at "
        "temperature 1."
    )
    if found.profile.cost is None:
        yield "No speed-up: it is not known what a step of the small model costs by one of the large. Give --cost."
    else:
        yield (
            f"Speed-up where a step of the small model takes {found.profile.cost:.3g} of one of the large "
            f"({found.cost_from}), and reading a draft as long as writing a token."
        )


def _percent(each: Drafting) -> str:
    return "" if each.acceptance is None else f"{each.acceptance:.1%}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if number else "left", no_wrap=number == 0)
    return table
