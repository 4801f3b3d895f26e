"""Metrics that compare the text of an answer with the texts that are right."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType

from benchtui.tasks.metrics.answer import Answer, Options
from benchtui.tasks.metrics.measures.numerals import with_plain_numbers

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def squad(text: str) -> str:
    """Return `text` as SQuAD compares it: lower case, without ASCII punctuation and English articles, spaces single.

    `normalize_answer` of the official script, https://rajpurkar.github.io/SQuAD-explorer.
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def _lower(text: str) -> str:
    """Return `text` with spaces single and without case; what is composed of a letter and an accent is one sign."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


NORMALISATIONS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        "none": lambda text: text,
        "strip": str.strip,
        "lower": _lower,
        "squad": squad,
        "numbers": lambda text: with_plain_numbers(_lower(text)),
    }
)
"""By name: none changes nothing; strip removes space at both ends; lower also ignores case and how much space there is;
squad also ignores punctuation and English articles; numbers is lower with numbers written in one way, 1,000.0 as 1000.
"""


def exact_match(answer: Answer, options: Options) -> float:
    """Return 1 where the answer is one of the references, after the same normalisation of both."""
    normal = NORMALISATIONS[options["normalise"]]
    given = normal(answer.text)
    return float(any(given == normal(reference) for reference in answer.references))


def contains(answer: Answer, options: Options) -> float:
    """Return 1 where one of the references occurs in the answer, with `words` only as whole words."""
    normal = NORMALISATIONS[options["normalise"]]
    given = normal(answer.text)
    return float(any(_occurs(normal(reference), given, words=options["words"]) for reference in answer.references))


def _occurs(wanted: str, text: str, *, words: bool) -> bool:
    if not wanted or not words:
        return bool(wanted) and wanted in text
    before = r"(?<![-\u2212.])(?<![0-9],)" if wanted[0].isdecimal() else ""  # 5 is no word of 15.5, 1,5 and -5
    after = r"(?![-.,][0-9])" if wanted[-1].isdecimal() else ""
    return re.search(rf"(?<!\w){before}{re.escape(wanted)}(?!\w){after}", text) is not None


def f1(answer: Answer, options: Options) -> float:
    """Return SQuAD's F1 of the words that answer and reference share, the best over the references."""
    split = _characters if options["tokens"] == "characters" else str.split
    given = split(squad(answer.text))
    return max((_overlap(given, split(squad(reference))) for reference in answer.references), default=0.0)


def _overlap(given: list[str], wanted: list[str]) -> float:
    if not given or not wanted:
        return float(given == wanted)
    same = sum((Counter(given) & Counter(wanted)).values())
    return 2 * same / (len(given) + len(wanted))


def _characters(text: str) -> list[str]:
    return [character for character in text if not character.isspace()]


def length(answer: Answer, options: Options) -> float:
    """Return how long the answer is, in characters or in words separated by space."""
    return float(len(answer.text.split()) if options["unit"] == "words" else len(answer.text))
