"""Writes scores and changes as numbers."""

from __future__ import annotations

import math

from benchtui.reports.wording.glyphs import UNICODE, Glyphs


def score_words(value: float, *, is_share: bool, digits: int = 2) -> str:
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "infinite"
    return f"{100 * value:.{digits}f}%" if is_share else f"{value:.4g}"


def change_number(value: float, *, is_share: bool, digits: int = 2, figures: int = 4) -> str:
    """Return points with `digits` decimals for a share, else a number of `figures` figures: "+20.00"; "" for no
    number."""
    if not math.isfinite(value):
        return ""
    return f"{round(100 * value, digits) + 0.0:+.{digits}f}" if is_share else f"{value + 0.0:+.{figures}g}"  # no -0.0


def direction(improved: bool | None, glyphs: Glyphs = UNICODE) -> str:
    """Return the sign for better (up), worse (down) or neither (None)."""
    if improved is None:
        return glyphs.same
    return glyphs.up if improved else glyphs.down
