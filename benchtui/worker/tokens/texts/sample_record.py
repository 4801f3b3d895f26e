"""What a line of lm-eval's sample files says: what was asked, what was answered, and what the right answer is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SampleRecord:
    """One document. A generated answer has one prompt, its `answers` (several where several were drawn) and what the
    filter made of each (`extracted`, None where it is no text). Where log-likelihoods were asked, `prompts[i]` and
    `continuations[i]` were asked together, and `gold` is the number of the right one (None: not known); a text without
    a prompt has the prompt ""."""

    prompts: tuple[str, ...]
    answers: tuple[str, ...] = ()
    extracted: tuple[str | None, ...] = ()
    continuations: tuple[str, ...] = ()
    gold: int | None = None
    stops: tuple[str, ...] = ()

    @property
    def generated(self) -> bool:
        """Whether the model wrote the answers."""
        return bool(self.answers)


def read_record(raw: Mapping[str, Any]) -> SampleRecord | None:
    """Return what a line says; None where it has no text to read a model by."""
    asked = [list(one.values()) for one in _requests(raw) if one]
    if not asked or not all(isinstance(one[0], str) for one in asked):
        return None
    prompts = tuple(_whole(one[0]) for one in asked)
    if len(asked) == 1 and len(asked[0]) > 1 and isinstance(asked[0][1], Mapping):
        return _generated(raw, prompts, asked[0][1])
    if all(len(one) == 1 for one in asked):
        return SampleRecord(("",), continuations=prompts[:1], gold=0)
    if not all(len(one) > 1 and isinstance(one[1], str) for one in asked):
        return None
    continuations = tuple(_whole(one[1]) for one in asked)
    gold = _gold(raw, continuations)
    return SampleRecord(prompts, continuations=continuations, gold=gold)


def place_of(extracted: str, answer: str) -> tuple[int, int] | None:
    """Return where `extracted` stands last in `answer`, as words of their own where it does; None where it does not."""
    if not extracted:
        return None
    found = None
    for match in re.finditer(rf"(?<!\w){re.escape(extracted)}(?!\w)", answer):
        found = match.span()
    if found is not None:
        return found
    at = answer.rfind(extracted)
    return (at, at + len(extracted)) if at >= 0 else None


def _requests(raw: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    asked = raw.get("arguments")
    if isinstance(asked, Mapping):
        return [one for one in asked.values() if isinstance(one, Mapping)]
    # lm-eval's own type before it is written, and earlier versions: a list of the requests' arguments
    rows = asked if isinstance(asked, list) else []
    return [{str(n): value for n, value in enumerate(row)} for row in rows if isinstance(row, list)]


def _generated(raw: Mapping[str, Any], prompts: tuple[str, ...], settings: Mapping[str, Any]) -> SampleRecord | None:
    answers = _texts(raw.get("resps"))
    if not answers or any(answer is None for answer in answers):
        return None
    extracted = _texts(raw.get("filtered_resps"))
    if len(extracted) != len(answers):
        extracted = [None] * len(answers)
    until = settings.get("until")
    stops = [until] if isinstance(until, str) else until if isinstance(until, list) else []
    return SampleRecord(
        prompts,
        tuple(_whole(answer) for answer in answers if answer is not None),
        tuple(text if text is None else _whole(text) for text in extracted),
        stops=tuple(stop for stop in stops if isinstance(stop, str) and stop),
    )


def _texts(responses: object) -> list[str | None]:
    """The answers to the only request of a document; None for one that is no text."""
    if not isinstance(responses, list) or not responses:
        return []
    inner = responses[0] if len(responses) == 1 and isinstance(responses[0], list) else responses
    return [one if isinstance(one, str) else None for one in inner]


def _gold(raw: Mapping[str, Any], continuations: Sequence[str]) -> int | None:
    """Which continuation is right: the only one; the one that the target names by its number (the first of several), or
    by its text; the one that was chosen where that was right; the other of two where it was wrong."""
    n = len(continuations)
    if n == 1:
        return 0
    target = str(raw.get("target", "")).strip()
    if (number := re.fullmatch(r"\[?\s*(\d{1,6})(?:\s*,.*)?\]?", target)) and int(number[1]) < n:
        return int(number[1])
    named = [place for place, text in enumerate(continuations) if text.strip() == target]
    return named[0] if len(named) == 1 else _gold_by_score(raw, n)


def _gold_by_score(raw: Mapping[str, Any], n: int) -> int | None:
    right, responses = raw.get("acc"), raw.get("filtered_resps")
    if right not in (0, 1) or not isinstance(responses, list) or len(responses) != n:
        return None
    try:
        weights = [float(one[0] if isinstance(one, list | tuple) else one) for one in responses]
    except (TypeError, ValueError, IndexError):
        return None
    likeliest = max(range(n), key=weights.__getitem__)
    if right == 1:
        return likeliest
    return 1 - likeliest if n == 2 else None


def _whole(text: str) -> str:
    """A text that can be encoded: half of a pair of surrogates is no character."""
    return text.encode(errors="replace").decode()
