"""The signs of displays and reports: for terminals that have them, and for those that do not."""

from __future__ import annotations

from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The signs for runs and their progress, then for scores and verdicts, then
    for what a small model, a large one, or both together wrote."""

    done: str
    active: str
    waiting: str
    partial: str
    failed: str
    stopped: str
    warning: str
    next_step: str
    full: str
    half: str
    rest: str
    plus_minus: str
    dot: str
    more: str
    up: str
    down: str
    same: str
    gain: str
    loss: str
    nothing: str
    odd: str
    least: str
    by_small: str
    by_large: str
    by_both: str
    best: str
    tied: str


UNICODE = Glyphs(
    done="✓",
    active="▸",
    waiting="·",
    partial="◐",
    failed="✗",
    stopped="■",
    warning="▲",
    next_step="→",
    full="━",
    half="╸",
    rest="─",
    plus_minus="±",
    dot=" · ",
    more="…",
    up="↗",
    down="↘",
    same="→",
    gain="▲",
    loss="▼",
    nothing="·",
    odd="✕",
    least="≥",
    by_small="░",
    by_large="█",
    by_both="▒",
    best="★",
    tied="≈",
)
ASCII = Glyphs(
    done="+",
    active=">",
    waiting=".",
    partial="~",
    failed="x",
    stopped="s",
    warning="!",
    next_step="->",
    full="#",
    half="",
    rest="-",
    plus_minus="+-",
    dot=", ",
    more="...",
    up="^",
    down="v",
    same="=",
    gain="+",
    loss="-",
    nothing=".",
    odd="x",
    least=">=",
    by_small=".",
    by_large="#",
    by_both="+",
    best="*",
    tied="~",
)


CHECKED = {"ok": UNICODE.done, "absent": "–", "warning": UNICODE.warning, "problem": UNICODE.failed}
"""The sign beside what was checked before a run, by its status."""


def glyphs_for(encoding: str | None) -> Glyphs:
    """Return the signs that a stream of this encoding can carry."""
    try:
        "".join(astuple(UNICODE)).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE
