"""A second way to find overlap, slow and plain: sets of tuples of words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_CHARACTER_SCRIPTS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_LETTER = rf"[^\W_]|[{''.join(chr(code) for code in range(0x300, 0x370))}]"
_WORD = re.compile(rf"[{_CHARACTER_SCRIPTS}]|(?:(?![{_CHARACTER_SCRIPTS}])(?:{_LETTER}))+")


def words(text: str) -> list[str]:
    """Words of texts in common scripts."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("\u00ad", "")
    return _WORD.findall(plain)


def runs(text: str, length: int) -> set[tuple[str, ...]]:
    found = words(text)
    return {tuple(found[i : i + length]) for i in range(len(found) - length + 1)}


def overlapping(documents: Sequence[str], training: Sequence[str]) -> set[int]:
    """Numbers of the documents with 13 words in a row, or all of their fewer words, in one of the training texts."""
    found = set()
    for number, document in enumerate(documents):
        length = min(13, len(words(document)))
        if length and any(runs(document, length) & runs(text, length) for text in training):
            found.add(number)
    return found
