"""Both models answer by turns: the large one from where they are far apart, the small one again from where they are
not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchtui.routing.answers import RoutedFacts, Work
from benchtui.routing.arithmetic import Arithmetic
from benchtui.routing.rules import SwitchRule
from benchtui.routing.sweep import Request, scores_by, switched
from benchtui.tokens.divergences import divergence
from benchtui.tokens.modes import DivergenceKind
from benchtui.worker.answering.hybrid.pair import Pair
from benchtui.worker.answering.hybrid.routed import MIXED, generated
from benchtui.worker.answering.hybrid.work import Counting
from benchtui.worker.answering.next_token import Distributions, LogProbs
from benchtui.worker.answering.protocol import (
    Answering,
    GenerateRequest,
    Observer,
    Score,
    Scored,
    ScoreRequest,
    Written,
)
from benchtui.worker.answering.two_models import TwoModels
from benchtui.worker.answering.written import Asked
from benchtui.worker.switching.write import Switching


class Switch:
    """Each token is written, or scored, by the model that the rule has in charge.

    A log-likelihood is then the sum of log-probabilities of both models (a token mixture): it is a log-probability,
    since the divergence before a token depends on the text before it alone.
    """

    whole_documents = False
    caveats = (MIXED,)

    def __init__(self, pair: Pair, rule: SwitchRule) -> None:
        self._pair = pair
        self._rule = rule

    def score(self, requests: list[ScoreRequest], answered: Scored, observer: Observer) -> None:
        """As `Answering.score`."""
        both = self._pair.stepped(observer)
        for index, request in enumerate(requests):
            observer.batch_started([request.args])
            answered(index, self._scored(request, both, observer))

    def _scored(self, request: ScoreRequest, both: TwoModels, observer: Observer) -> Score:
        """Score a continuation by both models, and take each token from the one that is in charge there."""
        counted = Counting(observer), Counting(observer)
        found = tokens_by_both(self._pair, both, request, self._rule.divergence, counted)
        by_large = switched(found.signal, [self._rule.up], [self._rule.down], self._rule.min_stay, self._rule.start)[0]
        chosen = int(by_large.sum())
        # Both read the whole text: who is in charge depends on both distributions at every token.
        small, large = (each.positions for each in counted)
        facts = RoutedFacts(
            Work(1, small, len(by_large) - chosen, flops=_flops(both.first.arithmetic, request)),
            Work(1, large, chosen, flops=_flops(both.second.arithmetic, request)),
        )
        greedy = bool(np.where(by_large, found.large_top, found.small_top).all())
        return Score(float(scores_by(found, by_large[None])[0]), greedy, facts)

    def generate(self, requests: list[GenerateRequest], answered: Written, observer: Observer) -> None:
        """As `Answering.generate`."""
        both = self._pair.stepped(observer)
        texts = [
            Asked(
                request.prompt[request.lost :],
                self._pair.plain_answers(both, request, ("a", "b")),
                request.document or 0,
            )
            for request in requests
        ]
        small, large = self._pair.batches(both, texts)
        Switching(
            small,
            large,
            self._rule,
            observer=observer,
            started=lambda places: observer.batch_started([requests[place].args for place in places]),
        ).write(texts, lambda place, text: answered(place, generated(text, both.tokens)))


def _flops(shape: Arithmetic | None, request: ScoreRequest) -> float:
    """The floating-point operations of reading a request; 0 where the model's shape is not known."""
    return shape.flops(0, len(request.inputs), len(request.continuation)) if shape else 0.0


def tokens_by_both(
    pair: Pair, both: TwoModels, request: ScoreRequest, kind: DivergenceKind, observers: tuple[Observer, Observer]
) -> Request:
    """Return what both models make of the tokens of a continuation; the signal is how far apart they are before each.
    Each observer is told what one of them does. Raises what `Distributions.distributions` does."""
    models = zip((pair.small, pair.large), observers, strict=True)
    rows = [_rows(model, request, observer) for model, observer in models]
    logprobs, top, apart = [], [], []
    for token, small, large in zip(request.continuation, *rows, strict=True):
        logprobs.append((small[token], large[token]))
        top.append((small.argmax() == token, large.argmax() == token))
        one, other = both.first.restricted(small[None]), both.second.restricted(large[None])
        apart.append(divergence(one, other, kind)[0])
    found, likeliest = np.array(logprobs), np.array(top)
    return Request(found[:, 0], found[:, 1], np.array(apart), likeliest[:, 0], likeliest[:, 1])


def _rows(model: Answering, request: ScoreRequest, observer: Observer) -> Iterator[LogProbs]:
    """Yield the distribution before each token of the continuation, float32 [vocabulary] in nats."""
    assert isinstance(model, Distributions)  # noqa: S101 - checked when the pair was opened
    ids = request.inputs
    for part in model.distributions(ids, len(ids) + 1 - len(request.continuation), observer):
        yield from part.logprobs
