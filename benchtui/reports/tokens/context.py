"""Cuts the text around a token out of its document."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchtui.tokens.store import TextSet
    from benchtui.tokens.summary import Place

BEFORE, AFTER = 12, 3
"""Tokens of context."""


def context(texts: TextSet, place: Place) -> tuple[str, str, str]:
    """Return the text of the BEFORE tokens before a scored token, of the token itself ("" for the end), and of the
    AFTER tokens behind it. Raises IndexError where there is no such place."""
    tokens, text = texts.tokens[place.document], texts.documents[place.document].text
    at = tokens.first + place.position
    if not 0 <= place.position < len(tokens.scored) or place.document < 0:
        raise IndexError(f"document {place.document} has no scored token {place.position}")
    last = min(at + AFTER, len(tokens.ids) - 1)
    begin, start, end = (int(tokens.starts[max(at - BEFORE, 0)]), int(tokens.starts[at]), int(tokens.ends[at]))
    return text[begin:start], text[start:end], text[end : max(int(tokens.ends[last]), end)]
