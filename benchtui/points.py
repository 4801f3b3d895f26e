"""Sizes in percentage points, in words."""

from __future__ import annotations


def point_words(size: float) -> str:
    """A size as it was typed, zero or more: "1 point", "2.5 points"."""
    number = f"{size:g}"
    return f"{number} point{'' if number == '1' else 's'}"
