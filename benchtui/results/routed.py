"""Which of two models answered a sample, as the files of samples say it beside what lm-eval writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from benchtui.routing.answers import RoutedFacts

ROUTED = "routed"
"""The key: for each request of a sample and each of its answers a record, as `resps` has the answers."""
MOST_PARTS = 20_000
"""Parts of one answer that are read; what a longer file says of the rest is left out."""
_GREATEST = 10**12
Author = Literal["small", "large", ""]
"""Who wrote a part of a text; "" for nobody, as headings between answers."""


@dataclass(frozen=True)
class AnswerPart:
    """Some text of an answer that one model wrote, of so many characters."""

    author: Author
    characters: int


@dataclass(frozen=True)
class AnsweredBy:
    """How many tokens of an answer are of each model; `parts` say who wrote which part of its text, from its begin, and
    are none where an answer is no text. Of `drafted` tokens `accepted` were kept."""

    small: int
    large: int
    parts: tuple[AnswerPart, ...] = ()
    drafted: int = 0
    accepted: int = 0


def routed_record(facts: RoutedFacts) -> dict[str, Any]:
    """Return what a sample says of one answer: "runs" are (model, tokens, characters), and "before" how many of those
    characters stand before the answer, where there are thoughts."""
    record: dict[str, Any] = {"small": facts.small.chosen, "large": facts.large.chosen}
    if facts.runs:
        names = {"a": "small", "b": "large"}
        record["runs"] = [[names[run.side], run.tokens, run.characters] for run in facts.runs]
    if facts.before:
        record["before"] = facts.before
    if facts.drafted:
        record |= {"drafted": facts.drafted, "accepted": facts.accepted}
    return record


def routed_answers(raw: Mapping[str, Any]) -> list[list[AnsweredBy | None]]:
    """Return what a sample says of its answers, request by request; empty where one model answered alone."""
    requests = raw.get(ROUTED)
    if not isinstance(requests, list):
        return []
    return [[_answer(one) for one in answers] for answers in requests if isinstance(answers, list)]


def fitted(parts: Sequence[AnswerPart], characters: int) -> Iterator[AnswerPart]:
    """Yield parts that are as long together as a text: those behind its end are left out (a stop string was cut off),
    and what no part says anything of has no author."""
    left = characters
    for part in parts:
        if length := min(part.characters, left):
            yield AnswerPart(part.author, length)
            left -= length
    if left:
        yield AnswerPart("", left)


def _answer(record: Any) -> AnsweredBy | None:
    if not isinstance(record, dict):
        return None
    small, large, drafted, accepted, before = (
        _number(record.get(key)) for key in ("small", "large", "drafted", "accepted", "before")
    )
    runs = record.get("runs")
    parts = tuple(_parts(runs[:MOST_PARTS], before)) if isinstance(runs, list) else ()
    return AnsweredBy(small, large, parts, drafted, accepted)


def _parts(runs: Sequence[Any], before: int) -> Iterator[AnswerPart]:
    """Parts of the answer itself. A character that both models wrote a part of has the one that began it: before it is
    whole, a text can be longer than after."""
    known = [run for run in runs if isinstance(run, list) and len(run) == 3 and run[0] in ("small", "large")]
    ends = [0]
    for _, _, characters in known:
        ends.append(ends[-1] + (characters if isinstance(characters, int) else 0))
    for place in range(len(ends) - 2, -1, -1):
        ends[place] = max(min(ends[place], ends[place + 1]), 0)
    for (author, _, _), (start, end) in zip(known, pairwise(ends), strict=True):
        if length := min(max(end - before, 0), _GREATEST) - min(max(start - before, 0), _GREATEST):
            yield AnswerPart(author, length)


def _number(value: Any) -> int:
    return min(max(value, 0), _GREATEST) if isinstance(value, int) else 0
