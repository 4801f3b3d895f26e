"""Tokens of which the small model is unsure are the large one's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchtui.errors import BenchtuiError
from benchtui.routing.answers import RoutedFacts, Run, Work
from benchtui.routing.records import DraftRound, WrittenText
from benchtui.routing.rules import RouteRule
from benchtui.routing.sweep import Request
from benchtui.worker.answering.hybrid.both_scores import BothScores, score_by_both
from benchtui.worker.answering.hybrid.pair import FINISHES, Pair
from benchtui.worker.answering.protocol import (
    Generated,
    GenerateRequest,
    Observer,
    Score,
    Scored,
    ScoreRequest,
    Tokenizer,
    Written,
)
from benchtui.worker.answering.written import Asked
from benchtui.worker.routing.routed import Routing

MIXED = (
    "Log-likelihoods are a token mixture: each token is scored by the model that the rule takes it to, so the choices "
    "of one question are sums over different mixtures of both models."
)


class Routed:
    """Each token is written, or scored, by the model that the rule takes it to.

    A log-likelihood is then the sum of log-probabilities of both models (a token mixture): it is a log-probability,
    since who scores a token depends on the text before it alone.
    """

    whole_documents = False
    caveats = (MIXED,)

    def __init__(self, pair: Pair, rule: RouteRule) -> None:
        self._pair = pair
        self._rule = rule

    def score(self, requests: list[ScoreRequest], answered: Scored, observer: Observer) -> None:
        """As `Answering.score`."""
        score_by_both(
            self._pair,
            requests,
            self._rule.signal,
            lambda index, both: answered(index, self._mixed(both)),
            observer,
        )

    def _mixed(self, both: BothScores) -> Score:
        """Take each token from the model that the rule takes it to. Raises BenchtuiError where the signal is not known
        at one."""
        signal = both.small.signal
        if signal is None or np.isnan(signal).any():
            raise BenchtuiError(
                f"{self._rule.signal} is not known at one of the tokens: a logit that it reads is not above 0.",
                "Choose another signal, such as margin.",
            )
        tokens = Request(both.small.logprobs, both.large.logprobs, signal, both.small.greedy, both.large.greedy)
        return mixture(both, tokens.held(self._rule.hold).signal >= self._rule.threshold)

    def generate(self, requests: list[GenerateRequest], answered: Written, observer: Observer) -> None:
        """As `Answering.generate`."""
        both = self._pair.stepped(observer)
        texts = [
            Asked(request.prompt[request.lost :], self._pair.answers(both, request), request.document or 0)
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


def mixture(both: BothScores, by_large: NDArray[np.bool_]) -> Score:
    """Return the score of a continuation whose tokens (n,) the large model scores where `by_large` says.

    Where one model scores all of them, it is that model's own score to the last bit.
    """
    chosen = int(by_large.sum())
    if chosen in (0, len(by_large)):
        total = (both.large if chosen else both.small).loglikelihood
    else:
        total = float(np.where(by_large, both.large.logprobs, both.small.logprobs).sum(dtype=np.float64))
    greedy = bool(np.where(by_large, both.large.greedy, both.small.greedy).all())
    small, large = both.work
    facts = RoutedFacts(small.choosing(len(by_large) - chosen), large.choosing(chosen))
    return Score(total, greedy, facts)
