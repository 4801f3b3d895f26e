"""The choice that a written answer names: by its letter, or by its text."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from benchtui.tasks.metrics.answer import Answer, Options

_SAYS = (
    r"answer|\b(?:correct|right|best) (?:option|choice)"
    r"|antwort|réponse|respuesta|risposta|resposta|ответ|答案|回答|選択肢|정답"
)
_BETWEEN = (
    r"(?:\s{1,4}(?:is|ist|est|es|è|é|would be|should be))?[\s:：=*_`'\"是为為はは]{0,12}"
    r"(?:(?:option|choice)\s{1,4})?[(\[*_`'\"{]{0,6}"
)
_GOES_ON = "because|since|as|and|but|which|for|due|given|is|was|based|in|with|according|by"
_NO_WORD = rf"(?!(?<=[AI])\s+(?!(?:{_GOES_ON})\b)[a-z])"
"""Not the word in "the answer is A city", but the letter in "the answer is A because"."""
_OFFERS = r"option|choice"
"""Words for any of the choices: they say which is right only together with a word that says so."""
_RIGHT = r"correct|right|best|true|richtig|korrekt|correcte?|juste|correcta|the answer"
_WRONG = r"wrong|incorrect|false|untrue|impossible|falsch|fausse|faux|falsa|errada|ruled out|eliminated"
_REFUSED_BEFORE = re.compile(
    r"(?i)(?:\b(?:in|un)correct|\bwrong|\bfalse|\bunlike|\bnot|n't|\bnever)[ \t*_(\[]{1,3}(?:the\s+|an?\s+)?$"
)
_REFUSED_AFTER = re.compile(
    r"(?i)[)\]*_`'\"]{0,4}\s{0,3}(?:(?:is|are|was|ist|est|es|é|would be|isn't)\s+)?(?:clearly |also |definitely )?"
    rf"(?:not\b|(?:{_WRONG})\b)"
)
_RUN_ON = re.compile(r"(?i)\n\s*\n\s*(?:question|q|problem|user|human|frage)\b[^\n:：]{0,12}[:：]")
"""Where a model that does not stop writes the next question itself."""
_BEFORE = 24
"""Characters before a letter that can take back what is said of it."""
_NOT_ANOTHER = r"(?!\W*(?:or|and|und|oder|ou|et|o|y|или|и)\b)"
_EDGES = " \t\r\n.,;:!?()[]{}*_`'\"。、：（）"


def choice_letter(answer: Answer, options: Options) -> float:  # noqa: ARG001 - as every metric
    """Return 1 where the answer names the right choice, 0 where it names another, several, or none."""
    return float(answer.gold is not None and named_choice(answer.text, answer.letters, answer.choices) == answer.gold)


def named_choice(text: str, letters: Sequence[str], choices: Sequence[str]) -> int | None:
    """Return the place of the choice that `text` names, from 0; None where it names none, or more than one.

    The first of these that finds one choice decides: the answer is a letter or a choice's text, nothing else; it says
    "the answer is B", "option B is correct" or "therefore B" (where it does so more than once, the last one); it begins
    with a letter, as "B)" or "B. Paris"; one letter stands in brackets or in bold; the text of one choice alone occurs
    in it. What is called wrong, or not the answer, does not count; nor what follows once the model asks itself the next
    question.
    """
    if (run_on := _RUN_ON.search(text)) and text[: run_on.start()].strip():
        text = text[: run_on.start()]
    bare = text.strip(_EDGES).casefold()
    names = [name.casefold() for name in letters]
    texts = [choice.strip(_EDGES).casefold() for choice in choices]
    for known in (names, texts):
        if bare and known.count(bare) == 1:
            return known.index(bare)
    patterns = _patterns(tuple(letters))
    said = [found for pattern in patterns.says for found in pattern.finditer(text) if not _is_refused(found, text)]
    if said:
        last = max(said, key=lambda found: found.start("letter"))
        other = patterns.another.match(text, last.end("letter"))
        several = other is not None and not _REFUSED_AFTER.match(text, other.end())
        return None if several else names.index(last["letter"].casefold())
    begins = patterns.begins.match(text)
    for found in (begins if begins and not _is_refused(begins, text) else None, _single(patterns.marked, text)):
        if found is not None:
            return names.index(found["letter"].casefold())
    within = [place for place, choice in enumerate(texts) if choice and _occurs(choice, text.casefold())]
    return within[0] if len(within) == 1 else None


def _single(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    """Return a match where all matches that are not called wrong are of the same letter."""
    found = [each for each in pattern.finditer(text) if not _is_refused(each, text)]
    return found[0] if len({each["letter"].casefold() for each in found}) == 1 else None


def _is_refused(found: re.Match[str], text: str) -> bool:
    """Return whether the words around say that this letter is not the answer: "incorrect answer: A", "A) is wrong"."""
    before = text[max(found.start() - _BEFORE, 0) : found.start()]
    return bool(_REFUSED_BEFORE.search(before) or _REFUSED_AFTER.match(text, found.end("letter")))


def _occurs(choice: str, text: str) -> bool:
    """Return whether the text of a choice stands in a text as words of its own, and not after "not"."""
    found = re.finditer(rf"(?<!\w){re.escape(choice)}(?!\w)", text)
    return any(not _REFUSED_BEFORE.search(text[max(each.start() - _BEFORE, 0) : each.start()]) for each in found)


@dataclass(frozen=True)
class _Patterns:
    """How an answer says, begins with, and marks a letter, and how it adds another one."""

    says: tuple[re.Pattern[str], ...]
    begins: re.Pattern[str]
    marked: re.Pattern[str]
    another: re.Pattern[str]


@functools.lru_cache(maxsize=256)
def _patterns(letters: tuple[str, ...]) -> _Patterns:
    """Return the patterns for these letters. In a sentence one is written as in the choices, since "a" is a word."""
    names = "|".join(map(re.escape, sorted(letters, key=len, reverse=True))) or "(?!)"
    letter, end = f"(?P<letter>{names})", r"(?![A-Za-z0-9_'])"
    close = r"[)\]*_`'\"]{0,4}"
    opened = r"[(\[*]{0,3}"
    offered = rf"(?:{_OFFERS})\s{{1,4}}"
    right = rf"{close}(?i:\s{{1,4}}(?:is|ist|est|es)\s{{1,4}}(?:the\s{{1,4}})?(?:{_RIGHT})\b)"
    ends = rf"(?={close}\s*(?:[.!\n]|$))"
    says = (
        rf"(?:(?i:{_SAYS})){_BETWEEN}{letter}{end}{_NO_WORD}",
        rf"(?i:\b{offered}{opened}){letter}{end}{right}",
        rf"(?i:\b(?:choose|pick|select|chose|go with|must be|is)\s{{1,4}}{offered}{opened}){letter}{end}{_NO_WORD}",
        rf"(?i:\b(?:therefore|thus|hence)[,:]?\s{{1,4}}(?:it is\s{{1,4}})?){opened}{letter}{end}{ends}",
    )
    joins = r"(?:,|&|/|\b(?:and|or|und|oder|et|ou|y|o|и|или)\b)\s{0,3}(?:(?:and|or)\s+)?"
    return _Patterns(
        tuple(map(re.compile, says)),
        re.compile(rf"\s*[(\[*_`'\"]{{0,6}}(?i:{letter})(?:[)\].:：、*]|\s*(?:\n|$)){_NOT_ANOTHER}"),
        re.compile(rf"(?:\(|\[|\*\*|\\boxed\{{(?:\\text\{{)?|（)(?i:{letter})(?:\)|\]|\*\*|\}}|）)"),
        re.compile(rf"{close}\s{{0,3}}{joins}{opened}(?:{names}){end}"),
    )
