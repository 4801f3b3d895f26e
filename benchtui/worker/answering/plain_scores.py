"""What a model says of given tokens, from its whole distributions: one text at a time, where nothing is faster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchtui.errors import BenchtuiError
from benchtui.routing.rules import SignalName
from benchtui.routing.signals import SIGNALS, of_distributions
from benchtui.worker.answering.next_token import Distributions, TokenScore, TokensScored, Vocabulary
from benchtui.worker.answering.protocol import Observer, ScoreRequest
from benchtui.worker.answering.stepped import known_ids, of_known


class _Model(Distributions, Vocabulary, Protocol):
    """What is asked."""


def score_plainly(
    model: _Model,
    requests: Sequence[ScoreRequest],
    signal: SignalName | None,
    answered: TokensScored,
    observer: Observer,
) -> None:
    """As `TokenScorer.score_tokens`. Raises BenchtuiError for a signal of raw logits: these are log-probabilities."""
    if signal is not None and SIGNALS[signal].needs == "raw logits":
        raise BenchtuiError(
            f"{signal} needs raw logits, and this model gives log-probabilities only.",
            "Choose another signal, such as margin, or --engine fast for a transformers model that it can answer for.",
        )
    known = known_ids(model.token_bytes())
    for index, request in enumerate(requests):
        observer.batch_started([request.args])
        answered(index, _scored(model, request, signal, known, observer))


def _scored(
    model: Distributions, request: ScoreRequest, signal: SignalName | None, known: NDArray[np.bool_], observer: Observer
) -> TokenScore:
    inputs, ids = request.inputs, np.asarray(request.continuation)
    first = len(inputs) + 1 - len(ids)
    logprobs, greedy = np.empty(len(ids), np.float32), np.empty(len(ids), np.bool_)
    signals = np.empty(len(ids), np.float32) if signal is not None else None
    for part in model.distributions(inputs, first, observer):
        there = slice(part.first - first, part.first - first + len(part.logprobs))
        logprobs[there] = part.logprobs[np.arange(len(part.logprobs)), ids[there]]
        greedy[there] = part.logprobs.argmax(-1) == ids[there]
        if signals is not None and signal is not None:
            signals[there] = of_distributions(signal, of_known("The model", part.logprobs, known))
    return TokenScore(logprobs, greedy, signals, float(logprobs.sum(dtype=np.float64)))
