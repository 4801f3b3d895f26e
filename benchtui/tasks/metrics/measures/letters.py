"""The choice that a written answer names: by its letter, or by its text."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

from benchtui.tasks.metrics.answer import Answer, Options

_SAYS = r"answer|choice|option|antwort|réponse|respuesta|risposta|resposta|ответ|答案|回答|選択肢|정답"
_BETWEEN = (
    r"(?:\s{1,4}(?:is|ist|est|es|è|é|would be|should be))?[\s:：=*_`'\"是为為はは]{0,12}"
    r"(?:(?:option|choice)\s{1,4})?[(\[*_`'\"{]{0,6}"
)
_GOES_ON = "because|since|as|and|but|which|for|due|given|is|was|based|in|with|according|by"
_NO_WORD = rf"(?!(?<=[AI])\s+(?!(?:{_GOES_ON})\b)[a-z])"
"""Not the word in "the answer is A city", but the letter in "the answer is A because"."""
_NOT_ANOTHER = r"(?!\W*(?:or|and|und|oder|ou|et|o|y|или|и)\b)"
_EDGES = " \t\r\n.,;:!?()[]{}*_`'\"。、：（）"


def choice_letter(answer: Answer, options: Options) -> float:  # noqa: ARG001 - as every metric
    """Return 1 where the answer names the right choice, 0 where it names another, several, or none."""
    return float(answer.gold is not None and named_choice(answer.text, answer.letters, answer.choices) == answer.gold)


def named_choice(text: str, letters: Sequence[str], choices: Sequence[str]) -> int | None:
    """Return the place of the choice that `text` names, from 0; None where it names none, or more than one.

    The first of these that finds one choice decides: the answer is a letter or a choice's text, nothing else; it says
    "the answer is B" or the like (where it does so more than once, the last one); it begins with a letter, as "B)" or
    "B. Paris"; one letter stands in brackets or in bold; the text of one choice alone occurs in it.
    """
    bare = text.strip(_EDGES).casefold()
    names = [name.casefold() for name in letters]
    texts = [choice.strip(_EDGES).casefold() for choice in choices]
    for known in (names, texts):
        if bare and known.count(bare) == 1:
            return known.index(bare)
    says, begins, marked = _patterns(tuple(letters))
    for found in (_last(says, text), begins.match(text), _single(marked, text)):
        if found is not None:
            return names.index(found["letter"].casefold())
    within = [place for place, choice in enumerate(texts) if choice and _occurs(choice, text.casefold())]
    return within[0] if len(within) == 1 else None


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    found = None
    for found in pattern.finditer(text):  # noqa: B007 - the last one is wanted
        pass
    return found


def _single(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    """Return a match where all matches are of the same letter."""
    found = list(pattern.finditer(text))
    return found[0] if len({each["letter"].casefold() for each in found}) == 1 else None


def _occurs(choice: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(choice)}(?!\w)", text) is not None


@functools.lru_cache(maxsize=256)
def _patterns(letters: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Return how an answer says, begins with, and marks a letter. In a sentence it is written as in the choices, since
    "a" is a word."""
    letter = "(?P<letter>" + "|".join(map(re.escape, sorted(letters, key=len, reverse=True))) + ")"
    if not letters:
        letter = "(?P<letter>(?!))"
    return (
        re.compile(rf"(?:(?i:{_SAYS})){_BETWEEN}{letter}(?![A-Za-z0-9_']){_NO_WORD}"),
        re.compile(rf"\s*[(\[*_`'\"]{{0,6}}(?i:{letter})(?:[)\].:：、*]|\s*(?:\n|$)){_NOT_ANOTHER}"),
        re.compile(rf"(?:\(|\[|\*\*|\\boxed\{{(?:\\text\{{)?|（)(?i:{letter})(?:\)|\]|\*\*|\}}|）)"),
    )
