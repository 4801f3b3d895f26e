"""The text of tokens that come one by one: told as soon as it is certain, and never a part of a character."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchtui.worker.answering.protocol import Ids
from benchtui.worker.chat.stopped_text import StoppedText
from benchtui.worker.chat.text_memory import alike

_REPLACED = "\ufffd"
_LONGEST_CHARACTER = 4
"""Tokens that one character can be spelled in: more, and it is none."""


class StreamedText:
    """Tokens in, text out. `stops` end the text: what may be the beginning of one is kept back until it is not.

    The text of a token can depend on the one before it (a space at the beginning), so that the tokens before the new
    ones are decoded with them, and their text is taken off.
    """

    def __init__(self, decode: Callable[[Ids], str], stops: Sequence[str] = ()) -> None:
        self._decode = decode
        self._text = StoppedText(stops)
        self._ids: list[int] = []
        self._told = 0  # tokens whose text was taken
        self._context = 0  # from which on they are decoded with the new ones

    @property
    def stopped(self) -> bool:
        """Whether a stop string has come."""
        return self._text.stopped

    def add(self, token: int) -> str:
        """Return the text that is certain with this token."""
        self._ids.append(token)
        before = self._decode(self._ids[self._context : self._told])
        text = self._decode(self._ids[self._context :])
        half = text.endswith(_REPLACED) and len(self._ids) - self._told < _LONGEST_CHARACTER
        if half or before.startswith(text):
            return ""
        self._context, self._told = self._told, len(self._ids)
        return self._text.add(_behind(before, text))

    def end(self) -> str:
        """Return what was kept back: nothing more comes."""
        before = self._decode(self._ids[self._context : self._told])
        text = self._decode(self._ids[self._context :])
        return self._text.add(_behind(before, text)) + self._text.end()


def _behind(before: str, text: str) -> str:
    """What a text has more than the one before it. Where the end of that is read otherwise now, as bytes that were told
    as no character and are the beginning of one, what was told stays, and what differs follows."""
    return text[alike(before, text) :]
