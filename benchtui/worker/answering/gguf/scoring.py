"""What a model says of the tokens of continuations: each context is read once for all endings that follow it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchtui.routing.rules import SignalName
from benchtui.routing.signals import of_logits
from benchtui.worker.answering.gguf.context import Context, Contexts
from benchtui.worker.answering.gguf.layout import Wave, groups, waves
from benchtui.worker.answering.gguf.logits import Logits, checked_best, normalisers
from benchtui.worker.answering.next_token import TokenScore, TokensScored
from benchtui.worker.answering.protocol import Observer, Score, Scored, ScoreRequest
from benchtui.worker.not_a_number import NotANumberError

_AT_ONCE = 32
"""Rows whose signals are computed together."""


class SignalOfLogits:
    """Computes a signal over the ids that are tokens: `known` (bool [ids])."""

    def __init__(self, name: SignalName, known: NDArray[np.bool_]) -> None:
        self._name = name
        self._known = slice(len(known)) if known.all() else np.flatnonzero(known)

    def __call__(self, logits: Logits) -> NDArray[np.float32]:
        """Return the signal before each row of logits [n, ids], float32 [n]."""
        parts = (logits[first : first + _AT_ONCE] for first in range(0, len(logits), _AT_ONCE))
        return np.concatenate([of_logits(self._name, part[:, self._known]) for part in parts])


def score(
    contexts: Contexts, shares_prefixes: bool, requests: Sequence[ScoreRequest], answered: Scored, observer: Observer
) -> None:
    """Answer every request. All of a group are answered at once, so that they are journaled together: see `layout`.

    Raises as `Answering.score`.
    """

    def passed_on(index: int, found: TokenScore) -> None:
        answered(index, Score(found.loglikelihood, bool(found.greedy.all())))

    score_tokens(contexts, shares_prefixes, requests, None, passed_on, observer)


def score_tokens(
    contexts: Contexts,
    shares_prefixes: bool,
    requests: Sequence[ScoreRequest],
    signal: SignalOfLogits | None,
    answered: TokensScored,
    observer: Observer,
) -> None:
    """Answer every request, a group at a time. Raises as `Answering.score`."""
    for together in groups(requests, shares_prefixes):
        members = [requests[index] for index in together]
        observer.batch_started([request.args for request in members])
        for index, given in zip(together, _score_group(contexts, members, signal, observer), strict=True):
            answered(index, given)


def _score_group(
    contexts: Contexts, members: Sequence[ScoreRequest], signal: SignalOfLogits | None, observer: Observer
) -> list[TokenScore]:
    context = members[0].context[members[0].lost :]
    read = waves(context, [request.continuation for request in members])

    def work(cache: Context) -> list[TokenScore]:
        tally = _Tally(len(members), signal)
        for number, wave in enumerate(read):
            for sequence in range(wave.sequences if number else 0):
                cache.cut(sequence, len(context))  # what the wave before left there
            _read(cache, wave, tally, observer)
        return tally.scores()

    try:
        return contexts.run(max(wave.cells for wave in read), work)
    except NotANumberError as error:
        raise NotANumberError(request=members[0].args) from error


def _read(cache: Context, wave: Wave, tally: _Tally, observer: Observer) -> None:
    done = 0
    for logits in cache.read(wave.rows, observer):
        tally.add(logits, wave.sought[done : done + len(logits)])
        done += len(logits)


class _Tally:
    """What is found of the tokens of each ending of a group, in their order."""

    def __init__(self, endings: int, signal: SignalOfLogits | None) -> None:
        self._logprobs: list[list[float]] = [[] for _ in range(endings)]
        self._greedy: list[list[bool]] = [[] for _ in range(endings)]
        self._signals: list[list[float]] = [[] for _ in range(endings)]
        self._signal = signal

    def add(self, logits: Logits, sought: Sequence[Sequence[tuple[int, int]]]) -> None:
        """Add what each row of `logits` says of the tokens sought there (pairs of an ending and a token)."""
        best, sums = checked_best(logits), normalisers(logits)
        signals = self._signal(logits) if self._signal is not None else None
        for place, wanted in enumerate(sought):
            for ending, token in wanted:
                self._logprobs[ending].append(float(logits[place, token] - sums[place]))
                self._greedy[ending].append(bool(best[place] == token))
                if signals is not None:
                    self._signals[ending].append(float(signals[place]))

    def scores(self) -> list[TokenScore]:
        return [
            TokenScore(
                np.array(logprobs, np.float32),
                np.array(greedy, np.bool_),
                np.array(signals, np.float32) if self._signal is not None else None,
                sum(logprobs, 0.0),
            )
            for logprobs, greedy, signals in zip(self._logprobs, self._greedy, self._signals, strict=True)
        ]
