"""Whole documents of which the small model is unsure are the large one's."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from benchtui.errors import BenchtuiError
from benchtui.routing.answers import RoutedFacts, Run, Work
from benchtui.routing.records import Side
from benchtui.routing.rules import DeferRule
from benchtui.routing.signals import of_choices, of_text
from benchtui.worker.answering.hybrid.pair import Pair
from benchtui.worker.answering.hybrid.work import generated_by, scored_by, tokens_scored_by
from benchtui.worker.answering.protocol import (
    Answering,
    Generated,
    GenerateRequest,
    Observer,
    Score,
    Scored,
    ScoreRequest,
    Written,
)

ItemT = TypeVar("ItemT")

DOCUMENTS, TEXTS = 256, 64
"""How many documents with choices, and how many texts, are answered at a time. Their answers are given together: so a
run that was killed asks again for the same ones together, and gets the same answers, to the last bit."""


class Deferred:
    """The small model answers, and the large one answers again where the small one was unsure: of its choice among the
    continuations of a document, or of the text that it wrote (each by itself, where several are drawn)."""

    whole_documents = True
    caveats = ()

    def __init__(self, pair: Pair, threshold: float) -> None:
        self._pair = pair
        self._choices = pair.strategy.defer(threshold, choices=True)
        self._texts = pair.strategy.defer(threshold, choices=False)

    def score(self, requests: list[ScoreRequest], answered: Scored, observer: Observer) -> None:
        """As `Answering.score`. Raises BenchtuiError where no document has continuations to choose between."""
        for group in _parts(documents_of(requests), DOCUMENTS):
            places = [place for document in group for place in document]
            small = scored_by(self._pair.small, [requests[place] for place in places], observer)
            by_place = dict(zip(places, small, strict=True))
            deferred = [
                place
                for document in group
                if self._unsure([requests[p] for p in document], [by_place[p][0] for p in document])
                for place in document
            ]
            large = scored_by(self._pair.large, [requests[place] for place in deferred], observer)
            again = dict(zip(deferred, large, strict=True))
            for place in places:
                answered(place, _score(by_place[place], again.get(place), len(requests[place].continuation)))

    def _unsure(self, document: Sequence[ScoreRequest], scores: Sequence[Score]) -> bool:
        return unsure_of_choice(self._choices, document, scores) >= self._choices.threshold

    def generate(self, requests: list[GenerateRequest], answered: Written, observer: Observer) -> None:
        """As `Answering.generate`."""
        for places in _parts(range(len(requests)), TEXTS):
            asked = [requests[place] for place in places]
            small = generated_by(self._pair.small, asked, observer)
            texts = [text for text, _ in small]
            unsure, checked = unsure_of_texts(self._pair.small, self._texts, asked, texts, observer)
            deferred = [number for number, score in enumerate(unsure) if score >= self._texts.threshold]
            large = generated_by(self._pair.large, [asked[number] for number in deferred], observer)
            again = dict(zip(deferred, large, strict=True))
            for number, place in enumerate(places):
                text, work = small[number]
                answered(place, _text((text, work.plus(checked[number])), again.get(number)))


def documents_of(requests: Sequence[ScoreRequest]) -> list[list[int]]:
    """Return the places of the requests of each document, in order. Raises BenchtuiError where none of them has
    continuations to choose between."""
    found: dict[int, list[int]] = {}
    for place, request in enumerate(requests):
        if request.document is not None:
            found.setdefault(request.document, []).append(place)
    documents = list(found.values())
    if sum(map(len, documents)) < len(requests) or all(
        len(compared([requests[place] for place in document])) < 2 for document in documents
    ):
        raise BenchtuiError(
            "defer has nothing to go by: this task gives no choices, and how likely the one right text is must not "
            "decide who scores it.",
            "Use --strategy uncertainty or margin, which score token by token.",
        )
    return documents


def compared(document: Sequence[ScoreRequest]) -> list[int]:
    """Return which requests of a document are compared with each other: not those without a context, which only
    normalise the others."""
    within = [number for number, request in enumerate(document) if request.args[0]]
    return within or list(range(len(document)))


def unsure_of_choice(rule: DeferRule, document: Sequence[ScoreRequest], scores: Sequence[Score]) -> float:
    """Return how unsure a model is of its choice, from its scores of all requests of a document, as the metric compares
    them; 0 where there is nothing to choose between."""
    among = compared(document)
    return of_choices(rule.score, [scores[number].loglikelihood / document[number].size for number in among])


def unsure_of_texts(
    model: Answering, rule: DeferRule, requests: Sequence[GenerateRequest], texts: Sequence[Generated],
    observer: Observer,
) -> tuple[list[float], list[Work]]:  # fmt: skip
    """Return how unsure a model is of each text that it wrote, and what reading it once more cost; 0 for a text without
    tokens."""
    unsure, work = [0.0] * len(texts), [Work()] * len(texts)
    places = [place for place, text in enumerate(texts) if text.ids]
    asked = [as_continuation(requests[place], texts[place], model) for place in places]
    for place, (score, cost) in zip(places, tokens_scored_by(model, asked, None, observer), strict=True):
        unsure[place], work[place] = of_text(rule.score, score.logprobs, rule.quantile), cost
    return unsure, work


def as_continuation(request: GenerateRequest, text: Generated, model: Answering) -> ScoreRequest:
    """Return a text that a model wrote as a continuation that it can score."""
    assert model.tokens is not None  # noqa: S101 - checked when the pair was opened
    prompt = list(request.prompt) or [model.tokens.prefix]
    return ScoreRequest(prompt, text.ids, request.args, request.lost, request.document)


def _score(small: tuple[Score, Work], large: tuple[Score, Work] | None, tokens: int) -> Score:
    """Return the answer of whoever answers a document."""
    score, work = small
    if large is None:
        return Score(score.loglikelihood, score.greedy, RoutedFacts(work.choosing(tokens)))
    again, more = large
    return Score(again.loglikelihood, again.greedy, RoutedFacts(_in_vain(work, tokens), more.choosing(tokens)))


def _text(small: tuple[Generated, Work], large: tuple[Generated, Work] | None) -> Generated:
    text, work = small
    if large is None:
        return written_alone(text, work, "a")
    again, more = large
    return written_alone(again, more, "b", before=_in_vain(work, len(text.ids)))


def written_alone(text: Generated, work: Work, side: Side, before: Work = Work()) -> Generated:  # noqa: B008 - frozen
    """Return a text that one model wrote, with what that took; `before` is what the small one did in vain."""
    runs = (Run(side, len(text.ids), len(text.text)),) if text.ids else ()
    own = work.choosing(len(text.ids))
    facts = RoutedFacts(own, runs=runs) if side == "a" else RoutedFacts(before, own, runs)
    return dataclasses.replace(text, routed=facts)


def _in_vain(work: Work, tokens: int) -> Work:
    return msgspec.structs.replace(work, discarded=tokens)


def _parts(items: Sequence[ItemT], size: int) -> Iterator[list[ItemT]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
