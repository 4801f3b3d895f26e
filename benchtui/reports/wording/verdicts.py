"""Writes verdicts as a word, a sign and a tone: never colour alone."""

from __future__ import annotations

from typing import Literal

from benchtui.compare.records import Kind, Row
from benchtui.reports.wording.glyphs import UNICODE, Glyphs

Tone = Literal["gain", "loss", "warning", "muted"]

SHORT_WORDS = {
    Kind.EXCELLENT: "excellent",
    Kind.GOOD: "good",
    Kind.MARGINAL: "marginal",
    Kind.WEAK: "weak",
    Kind.ACCEPTABLE_LOSS: "acceptable",
    Kind.LOSS: "loss",
    Kind.FORGETTING: "forgetting?",
    Kind.BETTER: "better",
    Kind.WORSE: "worse",
    Kind.NO_DIFFERENCE: "inconclusive",
    Kind.WITHIN: "not relevant",
    Kind.NOT_COMPARABLE: "not comparable",
}
"""Verdicts in at most fourteen characters, for a table that fits eighty columns."""


def tone_of(kind: Kind | None) -> Tone:
    """Return what the colour beside sign and word means; each display has its own colours for these four."""
    if kind is None:
        return "muted"
    if kind.is_gain:
        return "gain"
    if kind in (Kind.FORGETTING, Kind.LOSS, Kind.WORSE):
        return "loss"
    return "warning" if kind in (Kind.NOT_COMPARABLE, Kind.ACCEPTABLE_LOSS) else "muted"


def verdict_glyph(kind: Kind, glyphs: Glyphs = UNICODE) -> str:
    if kind.is_gain:
        return glyphs.gain
    if kind.is_loss:
        return glyphs.loss
    return glyphs.odd if kind is Kind.NOT_COMPARABLE else glyphs.nothing


def verdict_cell(row: Row, glyphs: Glyphs = UNICODE) -> str:
    """Return sign and word, never colour alone; "" for rows that have no verdict of their own."""
    if row.verdict is None or row.level != "headline":
        return ""
    no_loss = row.no_loss.margin if row.no_loss is not None else None
    words = short_words(row.verdict.kind, row.verdict.likely, no_loss, glyphs)
    return f"{verdict_glyph(row.verdict.kind, glyphs)} {words}"


def short_words(kind: Kind, likely: Kind | None, no_loss: float | None, glyphs: Glyphs = UNICODE) -> str:
    """ "excellent"; "≥ weak" where that much is shown and more is likely; "no loss > 3" where nothing else is shown."""
    if kind is Kind.NO_DIFFERENCE and no_loss is not None:
        return f"no loss > {no_loss:g}"
    return SHORT_WORDS[kind] if likely is None else f"{glyphs.least} {SHORT_WORDS[kind]}"
