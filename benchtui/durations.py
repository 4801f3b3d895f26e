"""Durations as people type them (`30min`, `1h30m`, `600`) and as displays show them (`12min 5s`)."""

from __future__ import annotations

import math
import re
from decimal import Decimal

from benchtui.errors import UsageError

_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_NAMES = {
    "d": ("d", "day", "days"),
    "h": ("h", "hr", "hrs", "hour", "hours"),
    "m": ("m", "min", "mins", "minute", "minutes"),
    "s": ("s", "sec", "secs", "second", "seconds"),
}
_UNIT = {name: unit for unit, names in _NAMES.items() for name in names}
# ASCII digits only: \d would also take digits that float() reads but nobody meant to type.
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_PART = re.compile(rf"({_NUMBER})\s*([a-z]+)\s*")
_MOST_DAYS = 99
_LONGEST = 366 * 86400.0
_EXAMPLES = "Write it like 30min, 10m, 600s, 600 (seconds) or 1h30m."


def parse_duration(text: str) -> float:
    """Seconds in `text`: a plain number of seconds, or numbers with units (d, h, m, s and their names), longest first.

    Raises UsageError, with examples, for anything else: nonsense, zero, negative, not finite, over 366 days.
    """
    cleaned = text.strip().lower()
    seconds = float(cleaned) if re.fullmatch(_NUMBER, cleaned) else _sum_of_parts(cleaned)
    if seconds is None:
        raise UsageError(f"{text[:40]!r} is not a duration.", _EXAMPLES)
    if seconds <= 0:
        raise UsageError(f"A duration must be longer than zero, not {text[:40]!r}.", _EXAMPLES)
    if not seconds <= _LONGEST:
        raise UsageError(f"{text[:40]!r} is longer than a year.", _EXAMPLES)
    return seconds


def _sum_of_parts(text: str) -> float | None:
    """Seconds in `1h 30m`; None where a unit is unknown, repeated or out of order, or something is left over."""
    total, position, previous = 0.0, 0, math.inf
    while position < len(text):
        part = _PART.match(text, position)
        if part is None or (unit := _UNIT.get(part[2])) is None or _SECONDS[unit] >= previous:
            return None
        previous = _SECONDS[unit]
        total += float(part[1]) * previous
        position = part.end()
    return total if position else None


def duration_words(seconds: float) -> str:
    """As one types it: read again, it is exactly the same number of seconds."""
    short = format_duration(seconds)
    try:
        if parse_duration(short) == seconds:
            return short
    except UsageError:
        pass  # less than half a second has no short spelling
    return seconds_words(seconds)


def seconds_words(seconds: float) -> str:
    """`1800s`, `0.5s`: all digits, without an exponent."""
    return f"{int(seconds)}s" if seconds == int(seconds) else f"{Decimal(repr(seconds)):f}s"


def format_duration(seconds: float) -> str:
    """`45s`, `30min`, `12min 5s`, `1h 10min`, `2d 3h 10min`: whole seconds, at most three units, none of them 0; `?`
    when not finite. `parse_duration` reads all of them.

    Negative values show as `0s`: a clock that was set back is no reason to stop a display.
    """
    if not math.isfinite(seconds):
        return "?"
    whole = max(round(seconds), 0)
    minutes, s = divmod(whole, 60)
    hours, m = divmod(minutes, 60)
    days, h = divmod(hours, 24)
    parts = ((days, "d"), (h, "h"), (m, "min"), (0 if days else s, "s"))
    return " ".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


def rough_duration(seconds: float) -> str:
    """A time that is only estimated, or need not be exact: `<1s`, `45s`, `8min 20s`, `34min`, `1h 10min`, `2d 3h`,
    `>99d`."""
    if not math.isfinite(seconds) or seconds > _MOST_DAYS * 86400:
        return f">{_MOST_DAYS}d"
    if seconds < 1:
        return "<1s"
    whole = int(seconds)
    for beyond, step in ((86400, 3600), (600, 60), (60, 10)):
        if whole >= beyond:
            return format_duration(whole - whole % step)
    return format_duration(whole)
