"""What both models say of the tokens of continuations: some requests at a time, and what reading them has cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchtui.backends.hf_batch import device_of
from benchtui.routing.answers import Work
from benchtui.routing.rules import SignalName
from benchtui.worker.answering.hybrid.pair import Pair
from benchtui.worker.answering.hybrid.work import tokens_scored_by
from benchtui.worker.answering.next_token import TokenScore
from benchtui.worker.answering.protocol import Ids, Observer, ScoreRequest

_PASSES = 8
"""Forward passes that a chunk fills, about: a context that chunks share is read again in each, and nothing is answered
before both models have read one."""


@dataclass(frozen=True)
class BothScores:
    """What the small and the large model say of one continuation, the signal being the small one's, and what reading it
    has cost either: none of its tokens is `chosen` yet."""

    small: TokenScore
    large: TokenScore
    work: tuple[Work, Work]


def score_by_both(
    pair: Pair,
    requests: list[ScoreRequest],
    signal: SignalName | None,
    answered: Callable[[int, BothScores], None],
    observer: Observer,
) -> None:
    """Have both models score every request. Raises what `TokenScorer.score_tokens` raises."""
    device = device_of(pair.large.facts.device.split(":")[0])
    for chunk in _chunks(requests, _PASSES * device.tokens):
        asked = requests[chunk]
        small = tokens_scored_by(pair.small, asked, signal, observer)
        large = tokens_scored_by(pair.large, asked, None, observer)
        for place, ((one, its_work), (other, others_work)) in enumerate(zip(small, large, strict=True), chunk.start):
            answered(place, BothScores(one, other, (its_work, others_work)))


def _chunks(requests: Sequence[ScoreRequest], positions: int) -> Iterator[slice]:
    """Divide requests into chunks of about so many positions, as far as neighbours do not share them. Requests that
    follow each other on one context stay together: a backend may answer them as a whole."""
    begin = filled = 0
    before: list[int] = []
    for place, request in enumerate(requests):
        inputs = request.inputs
        together = place > begin and _context(request) == _context(requests[place - 1])
        if filled >= positions and not together:
            yield slice(begin, place)
            begin, filled, before = place, 0, []
        filled += len(inputs) - _shared(before, inputs)
        before = inputs
    if begin < len(requests):
        yield slice(begin, len(requests))


def _context(request: ScoreRequest) -> tuple[list[int], int]:
    return list(request.context), request.lost


def _shared(first: Ids, second: Ids) -> int:
    """How many tokens two texts begin with."""
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count
