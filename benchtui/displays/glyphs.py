"""The signs of a display: for terminals that have them, and for those that do not."""

from __future__ import annotations

from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class Glyphs:
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
)


def glyphs_for(encoding: str | None) -> Glyphs:
    """The signs that a stream of this encoding can carry."""
    try:
        "".join(astuple(UNICODE)).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE
