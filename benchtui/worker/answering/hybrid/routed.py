"""Tokens of which the small model is unsure are the large one's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchtui.routing.answers import RoutedFacts, Run, Work
from benchtui.routing.records import DraftRound, WrittenText
from benchtui.routing.rules import RouteRule
from benchtui.routing.signals import of_distributions
from benchtui.routing.sweep import Request
from benchtui.worker.answering.hybrid.pair import FINISHES, Pair, sampling_of
from benchtui.worker.answering.next_token import Distributions
from benchtui.worker.answering.protocol import (
    Answering,
    Generated,
    GenerateRequest,
    Observer,
    Score,
    Scored,
    ScoreRequest,
    Tokenizer,
    Written,
)
from benchtui.worker.answering.stepped import LogProbs
from benchtui.worker.answering.written import Asked
from benchtui.worker.routing.routed import Routing


class Routed:
    """Each token is written, or scored, by the model that the rule takes it to.

    A log-likelihood is then the sum of log-probabilities of both models (a token mixture): it is a log-probability,
    since who scores a token depends on the text before it alone.
    """

    whole_documents = False
    caveats = ()

    def __init__(self, pair: Pair, rule: RouteRule) -> None:
        self._pair = pair
        self._rule = rule

    def score(self, requests: list[ScoreRequest], answered: Scored, observer: Observer) -> None:
        """As `Answering.score`."""
        for index, request in enumerate(requests):
            observer.batch_started([request.args])
            answered(index, self._scored(request, observer))

    def _scored(self, request: ScoreRequest, observer: Observer) -> Score:
        """Score a continuation by both models, and take each token from the one that the rule takes it to."""
        small, large = (_rows(model, request, observer) for model in (self._pair.small, self._pair.large))
        ids, places = np.array(request.continuation), np.arange(len(request.continuation))
        both = Request(
            small[places, ids],
            large[places, ids],
            of_distributions(self._rule.signal, small, k=self._rule.k),
            small.argmax(-1) == ids,
            large.argmax(-1) == ids,
        ).held(self._rule.hold)
        by_large = both.signal >= self._rule.threshold
        greedy = bool(np.where(by_large, both.large_top, both.small_top).all())
        chosen, read = int(by_large.sum()), len(request.inputs)
        facts = RoutedFacts(
            Work(1, read, len(ids) - chosen),
            Work(int(chosen > 0), read - (len(ids) - 1 - int(by_large.nonzero()[0][-1])) if chosen else 0, chosen),
        )
        return Score(float(np.where(by_large, both.large, both.small).sum(dtype=np.float64)), greedy, facts)

    def generate(self, requests: list[GenerateRequest], answered: Written, observer: Observer) -> None:
        """As `Answering.generate`."""
        both = self._pair.stepped(observer)
        texts = [
            Asked(request.prompt[request.lost :], both.answers(sampling_of(request)), request.document or 0)
            for request in requests
        ]
        small, large = self._pair.batches(both, texts)
        Routing(
            small,
            large,
            self._rule,
            observer,
            lambda places: observer.batch_started([requests[i].args for i in places]),
        ).write(texts, lambda place, text: answered(place, generated(text, both.tokens)))


def generated(text: WrittenText, tokens: Tokenizer, rounds: Sequence[DraftRound] = ()) -> Generated:
    """Return a text that two models have written as an answer; `rounds` are those in which it was drafted."""
    facts = RoutedFacts(
        Work.of(text.costs[0]),
        Work.of(text.costs[1]),
        runs_of(text, tokens),
        sum(each.drafted for each in rounds),
        sum(each.accepted for each in rounds),
    )
    end = FINISHES[text.ended]
    return Generated(tokens.decode(text.tokens), text.tokens, end, window_full=text.ended == "window", routed=facts)


def runs_of(text: WrittenText, tokens: Tokenizer) -> tuple[Run, ...]:
    """Return who wrote which part of an answer, in tokens and characters."""
    runs: list[Run] = []
    done = written = 0
    for side, count in text.run_lengths:
        done += count
        length = len(tokens.decode(text.tokens[:done]))
        runs.append(Run(side, count, length - written))
        written = length
    return tuple(runs)


def _rows(model: Answering, request: ScoreRequest, observer: Observer) -> LogProbs:
    """Distributions before each token of the continuation, float64 [n, vocabulary]."""
    assert isinstance(model, Distributions)  # noqa: S101 - checked when the pair was opened
    ids: Sequence[int] = [*request.context[request.lost :], *request.continuation[:-1]]
    first = len(ids) + 1 - len(request.continuation)
    rows = np.concatenate([part.logprobs for part in model.distributions(ids, first, observer)])
    return rows.astype(np.float64)
