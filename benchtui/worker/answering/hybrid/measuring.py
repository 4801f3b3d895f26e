"""What a threshold like p70 is a quantile of, measured where the small model is asked alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchtui.errors import BenchtuiError
from benchtui.routing.names import SignalName
from benchtui.routing.rules import Threshold, resolve
from benchtui.routing.signals import SIGNALS
from benchtui.worker.answering.hybrid.defer import as_continuation, documents_of, unsure_of_choice, unsure_of_texts
from benchtui.worker.answering.hybrid.pair import Pair
from benchtui.worker.answering.hybrid.switch import tokens_by_both
from benchtui.worker.answering.hybrid.work import generated_by, scored_by, tokens_scored_by
from benchtui.worker.answering.protocol import (
    Answering,
    AnsweringFacts,
    ChatRenderer,
    Generated,
    GenerateRequest,
    Observer,
    Score,
    Scored,
    ScoreRequest,
    Tokenizer,
    Written,
)

Continuations = Callable[[list[ScoreRequest], Observer], Iterable[float]]
Texts = Callable[[list[GenerateRequest], Observer], Iterable[float]]


class MeasuringPair(Answering):
    """Collects the values of what it is asked, and answers nothing."""

    def __init__(self, hybrid: Answering, pair: Pair) -> None:
        self._hybrid = hybrid
        self._asked = pair.strategy.threshold
        self.of, self._continuations, self._texts = _measures(pair)
        self._values: list[float] = []

    @property
    def values(self) -> int:
        """As `Measuring.values`."""
        return len(self._values)

    def forget(self) -> None:
        """As `Measuring.forget`."""
        self._values.clear()

    def threshold(self) -> Threshold:
        """As `Measuring.threshold`."""
        try:
            return resolve(self._asked, self._values)
        except ValueError as error:
            raise BenchtuiError(f"There is no threshold: {error}.", "Give --threshold a number.") from None

    @property
    def facts(self) -> AnsweringFacts:
        """As `Answering.facts`."""
        return self._hybrid.facts

    @property
    def tokens(self) -> Tokenizer | None:
        """As `Answering.tokens`."""
        return self._hybrid.tokens

    @property
    def chat(self) -> ChatRenderer:
        """As `Answering.chat`."""
        return self._hybrid.chat

    def score(self, requests: Sequence[ScoreRequest], answered: Scored, observer: Observer) -> None:
        """Measure continuations."""
        self._values.extend(self._continuations(list(requests), observer))
        for place in range(len(requests)):
            answered(place, Score(0.0, False))

    def generate(self, requests: Sequence[GenerateRequest], answered: Written, observer: Observer) -> None:
        """Measure what the small model writes alone."""
        self._values.extend(self._texts(list(requests), observer))
        for place in range(len(requests)):
            answered(place, Generated("", (), "end"))

    def close(self) -> None:
        """Free nothing: the models belong to the hybrid."""
        return


def _measures(pair: Pair) -> tuple[str, Continuations, Texts]:
    """Return what is measured, in words, and how: of continuations, and of texts."""
    strategy = pair.strategy
    if strategy.name == "defer":
        choices, texts = strategy.defer(0.0, choices=True), strategy.defer(0.0, choices=False)

        def of_documents(requests: list[ScoreRequest], observer: Observer) -> Iterable[float]:
            groups = documents_of(requests)
            scores = [score for score, _ in scored_by(pair.small, requests, observer)]
            for group in groups:
                yield unsure_of_choice(choices, [requests[p] for p in group], [scores[p] for p in group])

        def of_texts(requests: list[GenerateRequest], observer: Observer) -> Iterable[float]:
            written = [text for text, _ in generated_by(pair.small, requests, observer)]
            return unsure_of_texts(pair.small, texts, requests, written, observer)[0]

        return "how unsure the small model is of a document", of_documents, of_texts

    def of_continuations(requests: list[ScoreRequest], observer: Observer) -> Iterable[float]:
        if strategy.signal is None:
            return _divergences(pair, requests, observer)
        scored = tokens_scored_by(pair.small, requests, strategy.signal, observer)
        return [value for score, _ in scored if score.signal is not None for value in _finite(score.signal)]

    def of_written(requests: list[GenerateRequest], observer: Observer) -> Iterable[float]:
        written = [text for text, _ in generated_by(pair.small, requests, observer)]
        asked = [as_continuation(request, text, pair.small) for request, text in zip(requests, written, strict=True)]
        return of_continuations([request for request in asked if request.continuation], observer)

    return _words(strategy.signal, strategy.divergence), of_continuations, of_written


def _words(signal: SignalName | None, divergence_kind: str) -> str:
    if signal is None:
        return f"{divergence_kind} between both models at a token"
    return f"{signal} of the small model before a token ({SIGNALS[signal].is_})"


def _divergences(pair: Pair, requests: list[ScoreRequest], observer: Observer) -> Iterable[float]:
    """How far both models are apart before each token of continuations."""
    both = pair.stepped(observer)
    for request in requests:
        observer.batch_started([request.args])
        yield from _finite(tokens_by_both(pair, both, request, pair.strategy.divergence, (observer, observer)).signal)


def _finite(values: NDArray[np.floating[Any]]) -> list[float]:
    return [float(value) for value in values if np.isfinite(value)]
