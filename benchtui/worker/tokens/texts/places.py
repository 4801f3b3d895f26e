"""Which characters of a text each of its tokens is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from benchtui.tokens.vocabulary import StoredVocabulary
from benchtui.worker.answering.protocol import Ids, Tokenizer

Places = tuple[NDArray[np.int32], NDArray[np.int32]]
"""The first character of every token and the one behind its last, int32 [n] each."""
_Reached = tuple[str, list[int], list[bool]]
"""A text made of tokens; how many of its characters are whole after each token; whether another has begun there."""

_UNKNOWN = "\ufffd"
_LOOK_AHEAD = 64
"""Characters that are looked through where a tokenizer has changed what it read."""
_SAME = 4
"""So many characters in a row that agree are taken for the same place."""


def token_places(text: str, ids: Ids, tokenizer: Tokenizer, vocabulary: StoredVocabulary | None) -> Places:
    """Find the characters of each token, in order and without gaps: none for a special token that stands nowhere in the
    text (a tokenizer may put one first); tokens that are parts of one character share it.

    The tokens' bytes say it; without a vocabulary, growing parts of the ids are decoded instead.
    """
    ids = list(ids)
    begin, end = _with_text(text, ids, _literals(tokenizer, vocabulary))
    found = _by_bytes(text, ids[begin:end], vocabulary) if vocabulary is not None else None
    made, reached, open_ = found or _by_decoding(ids[begin:end], tokenizer)
    starts = np.array([0, *reached[:-1]][: len(reached)], np.int64)
    ends = np.array(reached, np.int64) + np.array(open_, np.int64)
    if made != text:  # a tokenizer may normalise what it reads
        there = _moved(made, text)
        starts, ends = there[starts], there[ends]
    if len(starts):
        starts[0], ends[-1] = 0, len(text)
    before, behind = np.zeros(begin, np.int64), np.full(len(ids) - end, len(text), np.int64)
    whole_starts, whole_ends = np.concatenate([before, starts, behind]), np.concatenate([before, ends, behind])
    return whole_starts.astype(np.int32), whole_ends.astype(np.int32)


def _literals(tokenizer: Tokenizer, vocabulary: StoredVocabulary | None) -> Callable[[int], str | None]:
    """What says how a special token is written; None for a token that is not special."""

    def known(token: int) -> str | None:
        if vocabulary is not None:
            special = token < len(vocabulary) and vocabulary.special[token]
            return vocabulary.token(token).decode(errors="replace") if special else None
        written = tokenizer.decode([token], special=True)
        return None if tokenizer.decode([token]) == written else written

    return known


def _with_text(text: str, ids: Sequence[int], literal: Callable[[int], str | None]) -> tuple[int, int]:
    """The tokens that are text: without the special ones around them that are not written in it."""
    begin, end = 0, len(ids)
    while begin < end and (said := literal(ids[begin])) is not None and not (said and text.startswith(said)):
        begin += 1
    while end > begin and (said := literal(ids[end - 1])) is not None and not (said and text.endswith(said)):
        end -= 1
    return begin, end


def _by_bytes(text: str, ids: Sequence[int], vocabulary: StoredVocabulary) -> _Reached | None:
    """None where the bytes are no text."""
    pieces = [vocabulary.token(token) for token in ids]
    if pieces and pieces[0].startswith(b" ") and len(b"".join(pieces)) == len(text.encode(errors="replace")) + 1:
        pieces[0] = pieces[0][1:]  # SentencePiece puts a space before every text
    data = b"".join(pieces)
    try:
        made = data.decode()
    except UnicodeDecodeError:
        return None
    raw = np.frombuffer(data, np.uint8)
    begins = np.append((raw & 0xC0) != 0x80, True)  # the first byte of each character, and the end
    before = np.concatenate(([0], np.cumsum(begins[:-1])))
    cuts = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
    open_ = ~begins[cuts]
    return made, (before[cuts] - open_).tolist(), open_.tolist()


def _by_decoding(ids: Sequence[int], tokenizer: Tokenizer) -> _Reached:
    """Decode each token behind the one before it: alone, it may lose a space or be no character."""
    made = ""
    reached: list[int] = []
    open_: list[bool] = []
    window = whole = 0  # tokens from `window` on are decoded; those before `whole` end with a whole character
    known = 0  # characters of those that are whole and told already
    for place in range(len(ids)):
        decoded = tokenizer.decode(ids[window : place + 1], special=True)
        complete = decoded.rstrip(_UNKNOWN) if place + 1 < len(ids) else decoded
        made += complete[known:]
        known = max(known, len(complete))
        reached.append(len(made))
        open_.append(len(decoded) > len(complete))
        if not open_[-1]:
            window, whole = whole, place + 1
            known = len(tokenizer.decode(ids[window:whole], special=True))
    return made, reached, open_


def _moved(made: str, text: str) -> NDArray[np.int64]:
    """For each place in `made`, its end included, the place in `text` that is the same, int64 [len(made) + 1]."""
    there = np.zeros(len(made) + 1, np.int64)
    one = other = 0
    while one < len(made) and other < len(text):
        if made[one] == text[other]:
            there[one] = other
            one, other = one + 1, other + 1
            continue
        skipped = _next_same(made, text, one, other)
        if skipped is None:
            break
        there[one : one + skipped[0]] = other
        one, other = one + skipped[0], other + skipped[1]
    rest = len(made) - one
    there[one:] = other + np.arange(rest + 1) * (len(text) - other) // max(rest, 1) if rest else len(text)
    return there


def _next_same(made: str, text: str, one: int, other: int) -> tuple[int, int] | None:
    """How many characters are to be left out of each until they agree again, the fewest of both together."""
    for both in range(1, _LOOK_AHEAD):
        for left in range(both + 1):
            here, there = made[one + left : one + left + _SAME], text[other + both - left : other + both - left + _SAME]
            if here == there:
                return left, both - left
    return None
