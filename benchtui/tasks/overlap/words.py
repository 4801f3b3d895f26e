"""Divides texts into words, and gives every word and every run of words a number of 64 bits.

What a word is, for both sides, benchmark and training data: the text is brought to Unicode's NFKC form (wide and other
compatible forms become the plain ones) and case is folded; characters of format (soft hyphens, joiners) are left out; a
word is then an unbroken run of letters, marks and digits, of whatever script. White space and punctuation of every kind
only separate words: "It's  3.5 €" and "IT’S 3,5" both have the words it, s, 3, 5. Scripts written without spaces (Han,
Kana, Thai, Lao, Burmese, Khmer) have no such runs, so each of their characters is a word.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.uint8] | npt.NDArray[np.uint32]
Hashes = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]

BREAK = "\x1e"
"""Stands between two texts; in a text it is a space."""
_BREAK, _SPACE = ord(BREAK), ord(" ")

_SEPARATOR, _LETTER, _ALONE, _LEFT_OUT, _UNKNOWN = range(5)
"""Kinds of characters: between words, within a word, a word by itself, left out, not looked up yet."""
_WITHOUT_SPACES = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U0001b000-\U0001b16f\U00020000-\U0003fffd]"
)

_CHARACTER_BASE = np.uint64(0x9E3779B97F4A7C15)
_WORD_BASE = np.uint64(0xD6E8FEB86659FD93)
_MIX = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
"""Odd numbers: multiplication by them can be undone modulo 2^64. Two different runs of words may have the same number,
so a number alone never shows that words occur."""


@dataclass(frozen=True, slots=True)
class Words:
    """The words of some texts, in order. `characters` are those of all texts, folded, as codes; word i is
    `characters[starts[i]:ends[i]]` and belongs to text `texts[i]`, counted from 0; `hashes[i]` is its number."""

    characters: Array
    starts: Numbers
    ends: Numbers
    texts: Numbers
    hashes: Hashes

    def __len__(self) -> int:
        return len(self.starts)

    def run(self, first: int, length: int) -> str:
        """Return `length` words from word `first` on, one space between two."""
        spans = zip(self.starts[first : first + length], self.ends[first : first + length], strict=True)
        return " ".join(_decoded(self.characters[start:end]) for start, end in spans)


def words_of(texts: Sequence[str], before: Array | None = None) -> Words:
    """Return the words of `texts`. `before` are the characters of words already seen that text 0 continues (`tail`)."""
    characters = _codes(BREAK.join(folded(text) for text in texts))
    if before is not None and len(before):
        characters = np.concatenate([before, np.array([_SPACE], dtype=np.uint8), characters])
    kinds = _kinds_of(characters)
    if (left_out := kinds == _LEFT_OUT).any():
        characters, kinds = characters[~left_out], kinds[~left_out]
    starts, ends = _borders(kinds)
    breaks = np.flatnonzero(characters == _BREAK)
    return Words(characters, starts, ends, np.searchsorted(breaks, starts), _hashes(characters, starts, ends))


def tail(words: Words, length: int) -> Array:
    """Return the characters from the last `length` words of the last text on, for a text that is read in pieces."""
    if not len(words):
        return words.characters[:0]
    first = max(len(words) - length, int(np.searchsorted(words.texts, words.texts[-1])))
    return words.characters[words.starts[first] :]


def run_hashes(hashes: Hashes, lengths: Sequence[int]) -> dict[int, Hashes]:
    """Return for each of `lengths` the numbers of all runs of so many words: a polynomial in the words' numbers, by way
    of its sums from the start, so that each length costs one subtraction (R. Karp and M. Rabin 1987)."""
    powers, inverse = _powers(int(_WORD_BASE), len(hashes))
    sums = np.zeros(len(hashes) + 1, dtype=np.uint64)
    np.cumsum(hashes * powers, out=sums[1:])
    return {
        length: (sums[length:] - sums[:-length]) * inverse[: len(hashes) - length + 1]
        for length in lengths
        if length <= len(hashes)
    }


def folded(text: str) -> str:
    """Return `text` in NFKC form with its case folded, without the sign that stands between texts."""
    plain = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    return plain.replace(BREAK, " ") if BREAK in plain else plain


def _codes(text: str) -> Array:
    if text.isascii():
        return np.frombuffer(text.encode(), dtype=np.uint8)
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _decoded(characters: Array) -> str:
    if characters.dtype == np.uint8:
        return characters.tobytes().decode("ascii")
    return characters.tobytes().decode("utf-32-le", "surrogatepass")


def _kinds_of(characters: Array) -> npt.NDArray[np.uint8]:
    table = _table()
    kinds = table[characters]
    if (unknown := kinds == _UNKNOWN).any():
        for code in np.unique(characters[unknown]).tolist():
            table[code] = _kind(chr(code))
        kinds = table[characters]
    return kinds


@functools.cache
def _table() -> npt.NDArray[np.uint8]:
    """The kind of every code point, looked up when it is first met."""
    return np.full(0x110000, _UNKNOWN, dtype=np.uint8)


def _kind(character: str) -> int:
    category = unicodedata.category(character)
    if category == "Cf":
        return _LEFT_OUT
    if category[0] not in "LMN":
        return _SEPARATOR
    return _ALONE if _WITHOUT_SPACES.match(character) else _LETTER


def _borders(kinds: npt.NDArray[np.uint8]) -> tuple[Numbers, Numbers]:
    """Return where words begin and end: from one kind to another, and at each word of one character."""
    within = np.zeros(len(kinds) + 2, dtype=np.uint8)
    within[1:-1] = kinds
    changes = within[1:] != within[:-1]
    alone = within == _ALONE
    if alone.any():
        changes |= alone[1:] | alone[:-1]
    at = np.flatnonzero(changes)
    return at[within[at + 1] != _SEPARATOR], at[within[at] != _SEPARATOR]


def _hashes(characters: Array, starts: Numbers, ends: Numbers) -> Hashes:
    """Return a polynomial in the characters of each word, mixed so that all its bits depend on all of them (the
    finishing step of MurmurHash3)."""
    powers, inverse = _powers(int(_CHARACTER_BASE), len(characters))
    sums = np.zeros(len(characters) + 1, dtype=np.uint64)
    np.cumsum(characters * powers, out=sums[1:])
    hashes = (sums[ends] - sums[starts]) * inverse[starts]
    for factor in _MIX:
        hashes ^= hashes >> np.uint64(33)
        hashes *= factor
    hashes ^= hashes >> np.uint64(33)
    return hashes


_made: dict[int, tuple[Hashes, Hashes]] = {}


def _powers(base: int, count: int) -> tuple[Hashes, Hashes]:
    """Return the first `count` powers of an odd number modulo 2^64, and their inverses. They are kept."""
    found = _made.get(base)
    if found is None or len(found[0]) < count:
        size = max(1 << 16, 1 << (count - 1).bit_length())
        found = _made[base] = _powers_of(base, size), _powers_of(pow(base, -1, 1 << 64), size)
    return found[0][:count], found[1][:count]


def _powers_of(base: int, count: int) -> Hashes:
    steps = np.full(count, base, dtype=np.uint64)
    steps[0] = 1
    return np.cumprod(steps)
