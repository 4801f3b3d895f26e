"""Answers of one model to many requests at once, each with its part of what they took."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from benchtui.routing.answers import Work
from benchtui.routing.names import SignalName
from benchtui.runs.answer_health import AnswerFacts
from benchtui.worker.answering.next_token import CountsArithmetic, TokenScore, TokenScorer
from benchtui.worker.answering.protocol import Answering, Generated, GenerateRequest, Observer, Score, ScoreRequest

AnswerT = TypeVar("AnswerT")


class Counting:
    """An observer that counts the positions which a model computes and passes on all that it is told."""

    def __init__(self, to: Observer) -> None:
        self.positions = 0
        self._to = to

    def batch_started(self, request_args: Sequence[tuple[Any, ...]]) -> None:
        """As `Observer.batch_started`."""
        self._to.batch_started(request_args)

    def tokens(self, n: int) -> None:
        """As `Observer.tokens`."""
        self.positions += n
        self._to.tokens(n)

    def prefilled(self, tokens: int, seconds: float) -> None:
        """As `Observer.prefilled`."""
        self._to.prefilled(tokens, seconds)

    def decoded(self, tokens: int, seconds: float) -> None:
        """As `Observer.decoded`."""
        self._to.decoded(tokens, seconds)

    def first_token(self, seconds: float) -> None:
        """As `Observer.first_token`."""
        self._to.first_token(seconds)

    def check(self) -> None:
        """As `Observer.check`."""
        self._to.check()

    def unanswered(self, request_args: tuple[Any, ...], why: str) -> None:
        """As `Observer.unanswered`."""
        self._to.unanswered(request_args, why)

    def answer_facts(self, texts: tuple[str, ...], facts: AnswerFacts) -> None:
        """As `Observer.answer_facts`."""
        self._to.answer_facts(texts, facts)

    def decision(self, what: str, choice: str, why: str) -> None:
        """As `Observer.decision`."""
        self._to.decision(what, choice, why)

    def batch_size(self, rows: int, why: str) -> None:
        """As `Observer.batch_size`."""
        self._to.batch_size(rows, why)


def scored_by(model: Answering, requests: list[ScoreRequest], observer: Observer) -> list[tuple[Score, Work]]:
    """Return a model's scores of requests, each with what it took: one call. Raises what `Answering.score` does."""
    lengths = [len(request.inputs) for request in requests]
    return _answered(model, model.score, requests, lengths, lambda _: 1, observer)


def tokens_scored_by(
    model: Answering, requests: list[ScoreRequest], signal: SignalName | None, observer: Observer
) -> list[tuple[TokenScore, Work]]:
    """Return what a model says of each token of requests, with what they took. Raises what `TokenScorer.score_tokens`
    does."""
    assert isinstance(model, TokenScorer)  # noqa: S101 - so are all models of the hybrid backend
    ask = model.score_tokens
    lengths = [len(request.inputs) for request in requests]
    return _answered(
        model,
        lambda asked, answered, told: ask(asked, signal, answered, told),
        requests,
        lengths,
        lambda _: 1,
        observer,
    )


def generated_by(model: Answering, requests: list[GenerateRequest], observer: Observer) -> list[tuple[Generated, Work]]:
    """Return a model's texts, each with what it took: a call for each token. Raises what `Answering.generate` does."""
    lengths = [len(request.prompt) - request.lost for request in requests]
    return _answered(model, model.generate, requests, lengths, lambda text: len(text.ids), observer)


def _answered(
    model: Answering,
    ask: Callable[[Any, Any, Observer], None],
    requests: list[Any],
    lengths: list[int],
    calls: Callable[[AnswerT], int],
    observer: Observer,
) -> list[tuple[AnswerT, Work]]:
    """Positions and seconds are those of all requests together, divided by how much each reads and writes: what they
    share, the prompt of several choices or padding, belongs to none of them. So do floating-point operations."""
    if not requests:
        return []
    found: dict[int, AnswerT] = {}
    counting, began = Counting(observer), time.perf_counter()
    ask(requests, found.__setitem__, counting)
    seconds = time.perf_counter() - began
    answers = [found[place] for place in range(len(requests))]
    weights = [length + calls(answer) - 1 for length, answer in zip(lengths, answers, strict=True)]
    positions, whole = shared_out(counting.positions, weights), sum(weights) or 1
    shape = model.arithmetic() if isinstance(model, CountsArithmetic) else None
    found_works = []
    for request, answer, part, weight in zip(requests, answers, positions, weights, strict=True):
        outputs = len(request.continuation) if isinstance(request, ScoreRequest) else calls(answer)
        flops = shape.flops(0, weight, outputs) * part / max(weight, 1) if shape else 0.0
        found_works.append((answer, Work(calls(answer), part, seconds=seconds * weight / whole, flops=flops)))
    return found_works


def shared_out(total: int, weights: Sequence[int]) -> list[int]:
    """Divide a number in proportion to `weights`, into whole numbers whose sum it is."""
    whole = sum(weights)
    if not whole:
        return [total, *[0] * (len(weights) - 1)] if weights else []
    reached = before = 0
    found = []
    for weight in weights:
        reached += weight
        until = total * reached // whole
        found.append(until - before)
        before = until
    return found
