"""When a generated text is complete: stop strings, looked for as lm-eval's `hf` model looks for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# More tokens than a stop string's own encoding takes: the model may spell it in other pieces.
_MARGIN = 2


class StopStrings:
    """Looks for stop strings at the end of token sequences, one token at a time.

    As in lm-eval each string is looked for in the text of the last tokens, as many as its own encoding has and two
    more; special tokens count as text. Strings that the newest token cannot have completed are not looked for.
    """

    def __init__(self, tokenizer: Any, strings: Sequence[str]) -> None:
        self._tokenizer = tokenizer
        self._windows = [
            (string, len(tokenizer.encode(string, add_special_tokens=False)) + _MARGIN) for string in strings
        ]
        self._pieces: dict[int, str] = {}

    def found(self, tokens: Sequence[int]) -> bool:
        """Whether one of the strings has just been completed by the last of the generated `tokens`."""
        piece = self._piece(tokens[-1])
        return any(
            _may_end_in(string, piece) and string in self._tokenizer.decode(list(tokens[-window:]))
            for string, window in self._windows
        )

    def _piece(self, token: int) -> str:
        if token not in self._pieces:
            self._pieces[token] = self._tokenizer.decode([token])
        return self._pieces[token]


def _may_end_in(string: str, piece: str) -> bool:
    # A token alone may decode without its leading space, and part of a character to a replacement character.
    return not string or string[-1].isspace() or string[-1] in piece or "\ufffd" in piece
