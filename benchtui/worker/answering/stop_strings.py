"""Stop strings, looked for each time a token is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from benchtui.worker.answering.protocol import Ids, Tokenizer

# More tokens than a stop string's own encoding takes: the model may spell it in other pieces.
_MARGIN = 2


class StopStrings:
    """Looks for stop strings at the end of token sequences, each time a token is added.

    As in lm-eval each string is looked for in the text of the last tokens, as many as its own encoding has and two
    more; special tokens count as text. Strings that the newest token cannot have completed are not looked for. `encode`
    gives the tokens of a string without any before it, `decode` the text of tokens with the special ones.
    """

    def __init__(
        self, strings: Sequence[str], encode: Callable[[str], Ids], decode: Callable[[list[int]], str]
    ) -> None:
        self._decode = decode
        self._windows = [(string, len(encode(string)) + _MARGIN) for string in strings]
        self._pieces: dict[int, str] = {}

    @classmethod
    def by_transformers(cls, tokenizer: Any, strings: Sequence[str]) -> StopStrings:
        """Look for strings in the text of a transformers tokenizer."""
        return cls(strings, lambda string: tokenizer.encode(string, add_special_tokens=False), tokenizer.decode)

    @classmethod
    def by(cls, tokens: Tokenizer, strings: Sequence[str]) -> StopStrings:
        """Look for strings in the text of any model's tokenizer."""
        return cls(
            strings,
            lambda string: tokens.encode([string], special=False)[string],
            lambda ids: tokens.decode(ids, special=True),
        )

    def found(self, tokens: Sequence[int]) -> bool:
        """Whether the last of the generated `tokens` completes one of the strings."""
        piece = self._piece(tokens[-1])
        return any(
            _may_end_in(string, piece) and string in self._decode(list(tokens[-window:]))
            for string, window in self._windows
        )

    def _piece(self, token: int) -> str:
        if token not in self._pieces:
            self._pieces[token] = self._decode([token])
        return self._pieces[token]


def _may_end_in(string: str, piece: str) -> bool:
    # A token alone may decode without its leading space, and part of a character to a replacement character.
    return not string or string[-1].isspace() or string[-1] in piece or "\ufffd" in piece
