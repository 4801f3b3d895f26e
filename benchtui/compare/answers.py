"""The answers to a document that was answered once or several times, as one text, and who wrote it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchtui.results.repeats import parted
from benchtui.results.routed import AnsweredBy, AnswerPart, fitted

HELD = 400_000
"""Longest text of one field that is returned, in characters."""


@dataclass(frozen=True)
class DrawnAnswer:
    """One of several answers to a document, and its score; None where the metric gives it none."""

    text: str
    score: float | None


def drawn_answers(raw: dict[str, Any], metric: str) -> Iterator[DrawnAnswer]:
    """Yield the answers to a document that was answered several times, with their scores where the file has them."""
    responses, scores = raw.get("resps"), raw.get("repeats")
    if not isinstance(responses, list) or len(responses) != 1 or not isinstance(responses[0], list):
        return
    texts = [text for text in responses[0] if isinstance(text, str)]
    if len(texts) < 2 or len(texts) != len(responses[0]):
        return
    known = scores.get(parted(metric)[0]) if isinstance(scores, dict) else None
    numbers: list[Any] = known if isinstance(known, list) and len(known) == len(texts) else [None] * len(texts)
    for text, number in zip(texts, numbers, strict=True):
        score = float(number) if isinstance(number, int | float) else None
        yield DrawnAnswer(text[:HELD], score)


def numbered(drawn: Sequence[DrawnAnswer]) -> str:
    """Return several answers as one text, each under a line that numbers it."""
    return "\n\n".join(f"{head}{one.text}" for head, one in zip(_heads(drawn), drawn, strict=True))


def parts_of(
    drawn: Sequence[DrawnAnswer], answer: str, answered_by: Sequence[AnsweredBy | None]
) -> Iterator[AnswerPart]:
    """Yield who wrote the parts of an answer, or of several as `numbered` sets them; nothing where nobody says."""
    texts, heads = [one.text for one in drawn] or [answer], _heads(drawn)
    if not any(answered_by) or len(answered_by) != len(texts):
        return
    for number, (text, by) in enumerate(zip(texts, answered_by, strict=True)):
        if heads:
            yield AnswerPart("", len(heads[number]) + (2 if number else 0))
        yield from fitted(by.parts if by is not None else (), len(text))


def _heads(drawn: Sequence[DrawnAnswer]) -> list[str]:
    return [
        f"[answer {number} of {len(drawn)}{'' if one.score is None else f', scored {one.score:g}'}]\n"
        for number, one in enumerate(drawn, 1)
    ]
