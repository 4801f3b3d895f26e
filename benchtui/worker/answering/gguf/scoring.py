"""Log-likelihoods of continuations: each context is read once for all endings that follow it."""

from __future__ import annotations

from collections.abc import Sequence

from benchtui.worker.answering.gguf.context import Context, Contexts
from benchtui.worker.answering.gguf.layout import Wave, groups, waves
from benchtui.worker.answering.gguf.logits import Logits, checked_best, normalisers
from benchtui.worker.answering.protocol import Observer, Score, Scored, ScoreRequest
from benchtui.worker.not_a_number import NotANumberError


def score(
    contexts: Contexts, shares_prefixes: bool, requests: Sequence[ScoreRequest], answered: Scored, observer: Observer
) -> None:
    """Answer every request. All of a group are answered at once, so that they are journaled together: see `layout`.

    Raises as `Answering.score`.
    """
    for together in groups(requests, shares_prefixes):
        members = [requests[index] for index in together]
        observer.batch_started([request.args for request in members])
        for index, given in zip(together, _score_group(contexts, members, observer), strict=True):
            answered(index, given)


def _score_group(contexts: Contexts, members: Sequence[ScoreRequest], observer: Observer) -> list[Score]:
    context = members[0].context[members[0].lost :]
    read = waves(context, [request.continuation for request in members])

    def work(cache: Context) -> list[Score]:
        tally = _Tally(len(members))
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
    """Sums of log-probabilities, one for each ending of a group."""

    def __init__(self, endings: int) -> None:
        self._sums = [0.0] * endings
        self._greedy = [True] * endings

    def add(self, logits: Logits, sought: Sequence[Sequence[tuple[int, int]]]) -> None:
        """Add what each row of `logits` says of the tokens sought there (pairs of an ending and a token)."""
        best, sums = checked_best(logits), normalisers(logits)
        for place, wanted in enumerate(sought):
            for ending, token in wanted:
                self._sums[ending] += float(logits[place, token] - sums[place])
                self._greedy[ending] &= bool(best[place] == token)

    def scores(self) -> list[Score]:
        return [Score(total, greedy) for total, greedy in zip(self._sums, self._greedy, strict=True)]
