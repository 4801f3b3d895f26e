"""Writes who of a small and a large model answered: in words, and as a row of signs."""

from __future__ import annotations

from itertools import groupby
from typing import Literal

from benchtui.reports.wording.glyphs import Glyphs
from benchtui.routing.strip import ALL, NONE, fitted
from benchtui.runs.kinds.benchmark.events import RoutedAnswer
from benchtui.runs.kinds.benchmark.view import Routing

NOT_COMPUTE = "of tokens, not of compute"
"""Behind each share of the large model: it still reads every token that stands before one of its own."""
Author = Literal["small", "large", "both"]


def author_sign(author: Author, glyphs: Glyphs) -> str:
    """Return the sign for what a model wrote."""
    return {"small": glyphs.by_small, "large": glyphs.by_large, "both": glyphs.by_both}[author]


def bar_parts(strip: str, width: int, glyphs: Glyphs) -> list[tuple[str, Author]]:
    """Return the signs of a strip (benchtui/routing/strip.py), `width` at most, those of one author together."""
    cells = [_author(digit) for digit in fitted(strip, width)]
    return [(author_sign(author, glyphs) * len(list(same)), author) for author, same in groupby(cells)]


def answer_parts(answer: RoutedAnswer, width: int, glyphs: Glyphs) -> list[tuple[str, Author | None]]:
    """Return the bar of an answer in `width` signs at most, and how many tokens of each model: what the signs
    mean. "░░░█  ░ small 3 · █ large 1 tokens (25%)"."""
    bar = bar_parts(answer.strip, width, glyphs)
    share = percent_words(answer.large, answer.small + answer.large)
    parts: list[tuple[str, Author | None]] = [*bar]
    parts += [("  ", None), (f"{glyphs.by_small} small {answer.small:,}", "small"), (glyphs.dot, None)]
    parts += [(f"{glyphs.by_large} large {answer.large:,}", "large"), (f" tokens{share}", None)]
    if any(author == "both" for _, author in bar):
        parts.append((f" {glyphs.by_both} both", "both"))
    return parts


def routing_words(routing: Routing, glyphs: Glyphs) -> str:
    """Return what both did so far: "large 190 of 1,002 tokens (19% of tokens, not of compute) · calls …"."""
    work, documents = routing.work, routing.documents
    small, large = work.small, work.large
    parts = []
    if work.drafted:
        drafts = percent_words(work.accepted, work.drafted)
        parts.append(f"drafts accepted {work.accepted:,} of {work.drafted:,}{drafts}")
    share = percent_words(large.chosen, routing.tokens, f" {NOT_COMPUTE}")
    parts.append(f"large {large.chosen:,} of {routing.tokens:,} tokens{share}")
    parts.append(f"calls: small {small.calls:,}, large {large.calls:,}")
    alone = [("small", documents.small), ("large", documents.large), ("both", documents.both)]
    if documents.small or documents.large:
        parts.append("samples: " + ", ".join(f"{name} {count:,}" for name, count in alone if count))
    return glyphs.dot.join(parts)


def percent_words(part: int, whole: int, of: str = "") -> str:
    """Return " (19%)", "" of nothing; a part that is neither nothing nor all is never said to be."""
    if not whole:
        return ""
    share = 100 * part / whole
    words = "<1" if 0 < share < 1 else ">99" if 99 < share < 100 else f"{share:.0f}"
    return f" ({words}%{of})"


def _author(digit: str) -> Author:
    return "small" if digit == NONE else "large" if digit == ALL else "both"
