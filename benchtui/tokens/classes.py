"""Sorts the tokens of texts into classes, by what they are and where they are.

Each token has one class, the first of these that fits:

    stop token              the end token behind an answer that ended
    special tokens          any other that the tokenizer calls special
    parts of characters     bytes that are no whole character
    line ends and format    with a line end, or of white space only; `#`, `**`, `---`, `|`, a bullet at a line's start
    marks << >>             with <<, >>, [[, ]], {{, }}, <|, |>, </ or />
    digits                  with a digit and no letter
    operators               of + - * / = < > and their like only
    punctuation             of other signs of punctuation, currency and mathematics only
    scripts without spaces  with a letter of Chinese, Japanese, Thai, Lao, Khmer or Burmese: where a word starts in
                            these, its tokens do not tell
    word starts             other letters, after a space, a line end or a sign, or at the beginning
    word insides            other letters, after a letter or a digit
    other                   pictures, control characters, ids without a token

Besides, the first token of every answer is looked at by itself; it counts in its class as well.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchtui.tokens.estimates import Groups, Mask, at_least_zero
from benchtui.tokens.store import DistributionStore, TextSet
from benchtui.tokens.summary import ClassStatistics
from benchtui.tokens.vocabulary import StoredVocabulary

CLASSES = (
    "digits",
    "operators",
    "marks << >>",
    "punctuation",
    "line ends and format",
    "word starts",
    "word insides",
    "scripts without spaces",
    "parts of characters",
    "special tokens",
    "other",
    "stop token",
)
FIRST = "first token of the answer"
"""The place that is looked at besides."""

_MARKS = ("<<", ">>", "[[", "]]", "{{", "}}", "<|", "|>", "</", "/>")
_OPERATORS = frozenset("+-*/=<>^×÷−±≤≥≠≈⋅·")
_BULLETS = frozenset("-*+–•")
_FORMAT = frozenset("#`|~•_")
_RULES = frozenset("*-=_#`~|")
_WITHOUT_SPACES = ("CJK ", "HIRAGANA", "KATAKANA", "THAI ", "LAO ", "KHMER ", "MYANMAR ")
_NUMBER = {name: number for number, name in enumerate(CLASSES)}


def class_statistics(store: DistributionStore, first: int, second: int, groups: Groups) -> Iterator[ClassStatistics]:
    """Yield what two models make of the tokens of each class that occurs."""
    texts = store.texts(first)
    classes = token_classes(texts, store.vocabulary(first))
    same = store.pair_column(first, second, "shift") == 1
    js = store.pair_column(first, second, "js")
    with np.errstate(invalid="ignore"):
        change = store.column(second, "logprob").astype(np.float64) - store.column(first, "logprob")
    entropies = [store.column(number, "entropy") for number in (first, second)]
    places = [(name, classes == number) for number, name in enumerate(CLASSES)]
    for name, where in [*places, (FIRST, first_of_answers(texts))]:
        if where.any():
            yield ClassStatistics(
                name,
                int(where.sum()),
                groups.share(same, where),
                at_least_zero(groups.mean(js, where)),
                groups.mean(change, where),
                *(at_least_zero(groups.mean(entropy, where)) for entropy in entropies),
            )


def token_classes(texts: TextSet, vocabulary: StoredVocabulary) -> NDArray[np.uint8]:
    """Return the class of every scored token, as its number in CLASSES."""
    ids, before, stops = _flat(texts)
    begins = before < 0
    kinds = _Kinds(vocabulary)
    ids, before = kinds.known(ids), kinds.known(before)
    kinds.learn(np.union1d(ids, before))
    found = kinds.classes[ids]
    starts_line = begins | kinds.ends_line[before]
    found[kinds.bullet[ids] & starts_line] = _NUMBER["line ends and format"]
    inside = ~begins & kinds.ends_word[before] & ~kinds.spaced[ids]
    found[(found == _NUMBER["word starts"]) & inside] = _NUMBER["word insides"]
    found[stops] = _NUMBER["stop token"]
    return found


def first_of_answers(texts: TextSet) -> Mask:
    """Return which of the scored tokens is the first of an answer."""
    found = np.zeros(int(texts.offsets[-1]), np.bool_)
    for offset, tokens in zip(texts.offsets[:-1], texts.tokens, strict=True):
        if tokens.first <= tokens.answer < len(tokens.ids):
            found[offset + tokens.answer - tokens.first] = True
    return found


def _flat(texts: TextSet) -> tuple[NDArray[np.int64], NDArray[np.int64], Mask]:
    """The scored ids, the id before each (-1 at the beginning), and which are end tokens."""
    scored: list[NDArray[np.int32]] = [np.zeros(0, np.int32)]
    before: list[NDArray[np.int32]] = [np.zeros(0, np.int32)]
    stops: list[Mask] = [np.zeros(0, np.bool_)]
    for document, tokens in zip(texts.documents, texts.tokens, strict=True):
        scored.append(tokens.scored)
        before.append(np.concatenate((np.array([-1], np.int32), tokens.ids))[tokens.first : len(tokens.ids)])
        stop = np.zeros(len(tokens.scored), np.bool_)
        stop[-1:] = document.ended and tokens.starts[-1:] == tokens.ends[-1:]
        stops.append(stop)
    return np.concatenate(scored).astype(np.int64), np.concatenate(before).astype(np.int64), np.concatenate(stops)


class _Kinds:
    """What is known of each token by itself, for the ids that were learnt; the last entry is for ids without one."""

    def __init__(self, vocabulary: StoredVocabulary) -> None:
        self._vocabulary = vocabulary
        count = len(vocabulary) + 1
        self.classes = np.zeros(count, np.uint8)
        self.spaced, self.bullet, self.ends_word, self.ends_line = np.zeros((4, count), np.bool_)

    def known(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.where((ids < 0) | (ids > len(self._vocabulary)), len(self._vocabulary), ids)

    def learn(self, ids: NDArray[np.int64]) -> None:
        for one in ids.tolist():
            special = one < len(self._vocabulary) and bool(self._vocabulary.special[one])
            raw = self._vocabulary.token(one)
            text = raw.decode(errors="replace")
            self.classes[one] = _NUMBER[class_of(raw, special=special)]
            self.spaced[one] = text[:1].isspace()
            self.bullet[one] = text.strip() in _BULLETS and "\n" not in text
            self.ends_word[one] = not special and text[-1:].isalnum()
            self.ends_line[one] = special or text.endswith("\n")


def class_of(raw: bytes, *, special: bool = False) -> str:
    """Return the class of a token by itself: letters count as a word's start."""
    if special:
        return "special tokens"
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return "parts of characters"
    core = text.strip()
    if not text:
        return "other"
    if _is_format(text, core):
        return "line ends and format"
    if any(mark in core for mark in _MARKS):
        return "marks << >>"
    if any(map(str.isalpha, core)):
        return "scripts without spaces" if any(map(_without_spaces, core)) else "word starts"
    if any(map(str.isdigit, core)):
        return "digits"
    if _OPERATORS.issuperset(core):
        return "operators"
    return "punctuation" if all(map(_is_sign, core)) else "other"


def _is_format(text: str, core: str) -> bool:
    if not core or "\n" in text:
        return True
    return _FORMAT.issuperset(core) or (len(core) > 1 and core != "==" and len(set(core)) == 1 and core[0] in _RULES)


def _without_spaces(sign: str) -> bool:
    return sign > "\u0e00" and unicodedata.name(sign, "").startswith(_WITHOUT_SPACES)


def _is_sign(sign: str) -> bool:
    category = unicodedata.category(sign)
    return category.startswith("P") or category in ("Sc", "Sm", "Sk") or sign.isspace()
