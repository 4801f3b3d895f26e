"""Counts, document by document, which answers of a task are cut, empty or looping, and which prompts were cut."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from benchtui.runs.answer_health import AnswerFacts, TaskHealth, fingerprint_text
from benchtui.tasks.metrics.refusals import is_refusal

_TAIL = 3_000
"""Characters at the end of an answer that are looked at for a loop."""
_PROBE = 24
"""The last characters, which stand earlier in a text that repeats itself; looked for first, because that is fast."""
_LEAST = 120
"""Characters of repetition below which a text may mean to repeat itself (a refrain, a chant, a row of equal lines)."""
_LEAST_WITHOUT_LETTERS = 200
"""The same for rules, zeros and table lines."""
_SHORT, _LONG = 40, 120
"""Characters of what is repeated. Up to the first it must stand five times, up to the second four times, else three:
poems repeat lines, and code repeats statements, but not that often without a single change."""
FLOOR_AT_MOST = -20
"""Whole numbers up to this mean "very unlikely" where a log-likelihood was not given."""
FLOORED, FLOORED_SHARE = 5, 0.05
"""From so many equal whole numbers on, and from this share of all log-likelihoods, they are no accident."""
_NUMBER = re.compile(r"^[ \t]*\d+[.):][ \t]*", re.MULTILINE)


class Asked(NamedTuple):
    """One answered request: its type, its arguments, the answer, and what was counted of it."""

    request_type: str
    arguments: tuple[Any, ...]
    answer: Any
    facts: AnswerFacts | None


class HealthCounter:
    """Counts whole documents; `health()` tells of those counted so far."""

    def __init__(self) -> None:
        self._answers = self._unknown = self._cut = self._empty = self._looping = self._tokens = self._thinking = 0
        self._window_full = self._refused = 0
        self._cut_at: tuple[int, int] | None = None
        self._prompts = self._prompts_unknown = self._prompts_cut = self._there = self._lost = self._prompt_tokens = 0
        self._choices = self._equal = 0
        self._chosen: set[int] = set()
        self._likelihoods = _Likelihoods()
        self._fingerprint = 0

    def count(self, document: Sequence[Asked], *, choices: bool) -> None:
        """Count one document; `choices` says that its answers are to be compared with each other."""
        for asked in document:
            if asked.request_type == "generate_until":
                self._count_text(str(asked.answer), asked.facts)
            else:
                self._likelihoods.count(asked)
        self._count_prompts(document)
        self._fingerprint += _fingerprint(document)
        if choices and (values := compared_choices(document)):
            self._choices += 1
            self._equal += len(set(values)) == 1
            self._chosen.add(values.index(max(values)))  # the first of equals, as for lm-eval

    @property
    def equal(self) -> int:
        """Return in how many documents all choices are equally likely, if that is so in every document; else 0."""
        return self._equal if self._equal == self._choices else 0

    def only_value(self, documents: int, requests: int) -> str:
        """Return "all 40 log-likelihoods are 0.0" where all are one number: those of the choices of at least so many
        documents, or of at least so many different requests; else ""."""
        enough = self.equal >= documents or self._likelihoods.different >= requests
        return self._likelihoods.words() if enough else ""

    def _count_text(self, text: str, facts: AnswerFacts | None) -> None:
        self._answers += 1
        self._empty += not text.strip()
        self._looping += is_looping(text)
        self._refused += is_refusal(text)
        if facts is None or facts.tokens is None or facts.at_limit is None:
            self._unknown += 1
            return
        self._tokens += facts.tokens
        if facts.at_limit:
            self._cut += 1
            self._thinking += bool(facts.thinking)
            if facts.window_full:
                self._window_full += 1
                return
            low, high = self._cut_at or (facts.tokens, facts.tokens)
            self._cut_at = min(low, facts.tokens), max(high, facts.tokens)

    def _count_prompts(self, document: Sequence[Asked]) -> None:
        """Count each prompt once. Windows of a long text (rolling) are no cut prompts, an empty context is none."""
        prompts: dict[str, list[AnswerFacts | None]] = {}
        for asked in document:
            if asked.request_type != "loglikelihood_rolling" and asked.arguments[0]:
                prompts.setdefault(str(asked.arguments[0]), []).append(asked.facts)
        for facts in prompts.values():
            self._prompts += 1
            known = [(f.lost, f.prompt) for f in facts if f is not None and f.lost is not None and f.prompt is not None]
            if len(known) < len(facts):
                self._prompts_unknown += 1
                continue
            lost, there = max(known)
            self._prompt_tokens += there
            if lost:
                self._prompts_cut += 1
                self._lost += lost
                self._there += there

    def health(self) -> TaskHealth:
        known, prompts_known = self._answers - self._unknown, self._prompts - self._prompts_unknown
        return TaskHealth(
            answers=self._answers,
            unknown=self._unknown,
            cut=self._cut if known else None,
            cut_at=self._cut_at,
            empty=self._empty,
            looping=self._looping,
            tokens=self._tokens if known else None,
            mean_tokens=self._tokens / known if known else None,
            prompts=self._prompts,
            prompts_unknown=self._prompts_unknown,
            prompts_cut=self._prompts_cut if prompts_known else None,
            prompt_tokens=self._there if prompts_known else None,
            prompt_tokens_lost=self._lost if prompts_known else None,
            choices=self._choices,
            only_choice=next(iter(self._chosen)) if len(self._chosen) == 1 else None,
            equal=self._equal,
            loglikelihoods=self._likelihoods.number,
            **self._likelihoods.floor(),
            fingerprint=fingerprint_text(self._fingerprint),
            thinking=self._thinking,
            window_full=self._window_full,
            all_prompt_tokens=self._prompt_tokens if prompts_known else None,
            refused=self._refused,
        )


class _Likelihoods:
    """What all log-likelihoods of a task have in common."""

    def __init__(self) -> None:
        self.number = self._greedy = 0
        self._values: set[float] = set()
        self._asked: set[int] = set()
        self._whole: Counter[float] = Counter()

    def count(self, asked: Asked) -> None:
        """Count one request for a log-likelihood."""
        whole_text = isinstance(asked.answer, int | float)
        value = float(asked.answer) if whole_text else float(asked.answer[0])
        self.number += 1
        self._greedy += not whole_text and bool(asked.answer[1])
        if len(self._values) < 2:  # what is asked is whether there is a second one
            self._values.add(value)
            self._asked.add(hash(tuple(asked.arguments)))
        if value <= FLOOR_AT_MOST and value.is_integer():
            self._whole[value] += 1

    @property
    def different(self) -> int:
        """How many different requests had the one value; 0 when there are two values."""
        return len(self._asked) if len(self._values) == 1 else 0

    def words(self) -> str:
        """Return what they all are: "all 40 log-likelihoods are 0.0"; "" where they are not one number."""
        if len(self._values) != 1:
            return ""
        (value,) = self._values
        greedy = ", and each text counts as the likeliest" if value == 0 and self._greedy == self.number else ""
        return f"all {self.number} log-likelihoods are {f'{value:.10g}' if value else '0.0'}{greedy}"

    def floor(self) -> dict[str, Any]:
        """The whole number that many of them are, as `TaskHealth` has it; nothing where none is."""
        value, times = max(self._whole.items(), key=lambda found: found[1], default=(0.0, 0))
        many = times >= max(FLOORED, FLOORED_SHARE * self.number)
        return {"floored": times, "floor": value} if many else {}


def _fingerprint(document: Sequence[Asked]) -> int:
    """Return a digest of 128 bits of a document's prompts and answers, log-likelihoods to the last bit."""
    said = repr([(asked.request_type, tuple(asked.arguments), _plain(asked.answer)) for asked in document])
    return int.from_bytes(hashlib.blake2b(said.encode(errors="surrogatepass"), digest_size=16).digest())


def _plain(answer: Any) -> Any:
    """Return an answer as the model gave it: the journal has a list for the tuple of a log-likelihood."""
    return tuple(answer) if isinstance(answer, list) else answer


def compared_choices(document: Sequence[Asked]) -> list[float]:
    """Return the log-likelihoods of a document's choices, without those that only normalise others (the same without
    their context). Empty where there is nothing to choose between: one choice, or two that are asked alike."""
    asked_for = [asked for asked in document if asked.request_type == "loglikelihood"]
    found = [asked for asked in asked_for if asked.arguments[0]] or asked_for
    alike = len({asked.arguments for asked in found}) < len(found)
    return [] if len(found) < 2 or alike else [float(asked.answer[0]) for asked in found]


def is_looping(text: str) -> bool:
    """Whether a text ends in one piece repeated over and over, without a single change.

    Numbers of a list at the start of lines do not count as a change. Only the end of the text is looked at: what got
    out of a loop was none.
    """
    tail = _NUMBER.sub("", text[-_TAIL:])[::-1]
    if len(tail) < _LEAST or not text.strip() or tail.find(tail[:_PROBE], 1) < 0:
        return False
    return any(_is_loop(tail[:period], period + same) for period, same in _repeats(tail))


def _is_loop(piece: str, length: int) -> bool:
    """Whether `length` characters made of `piece` again and again are a loop."""
    period = len(piece)
    times = 5 if period <= _SHORT else 4 if period <= _LONG else 3
    letters = any(character.isalpha() for character in piece)
    return length >= max(times * period, _LEAST if letters else _LEAST_WITHOUT_LETTERS)


def _repeats(text: str) -> list[tuple[int, int]]:
    """For each place that a text might repeat itself from, how many characters from there on are those of its start:
    the Z function (Gusfield 1997, section 1.4), in time linear in the length."""
    size = len(text)
    same = [0] * size
    left = right = 0
    for place in range(1, size):
        n = min(same[place - left], right - place) if place < right else 0
        while place + n < size and text[n] == text[place + n]:
            n += 1
        same[place] = n
        if place + n > right:
            left, right = place, place + n
    return [(place, same[place]) for place in range(1, size)]
