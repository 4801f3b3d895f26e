"""A model that is stepped token by token: its text, which reads what it misses, and what that cost."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchtui.errors import BenchtuiError
from benchtui.routing.records import Cost
from benchtui.tokens.divergences import normalised
from benchtui.worker.answering.next_token import GrowingText, TextGrower
from benchtui.worker.answering.protocol import Ids, Observer, Unobserved

LogProbs = NDArray[np.float64]


class CountingObserver(Unobserved):
    """Counts the positions that a model computes, and passes on what it tells."""

    def __init__(self, to: Observer) -> None:
        self._to = to
        self.positions = 0

    def tokens(self, n: int) -> None:
        """As `Observer.tokens`."""
        self.positions += n
        self._to.tokens(n)

    def check(self) -> None:
        """As `Observer.check`."""
        self._to.check()

    def decision(self, what: str, choice: str, why: str) -> None:
        """As `Observer.decision`."""
        self._to.decision(what, choice, why)


class SteppedModel:
    """A model, of whose ids only the `known` ones (bool [ids]) are tokens: no other has a probability.

    `removed` is the greatest probability so far that the model gave to others.
    """

    def __init__(self, label: str, grower: TextGrower, known: NDArray[np.bool_], observer: Observer) -> None:
        self.label = label
        self.removed = 0.0
        self._grower = grower
        self._known = known
        self._observer = CountingObserver(observer)

    def begin(self) -> SteppedText:
        """Begin a text."""
        return SteppedText(self, self._grower.grow(self._observer), self._observer)

    def restricted(self, logprobs: NDArray[np.float32]) -> LogProbs:
        """Return rows of log-probabilities over the known ids alone, -inf for the others, float64 [n, ids]. Raises
        BenchtuiError where the model has fewer outputs than the tokenizer has ids."""
        count = len(self._known)
        if logprobs.shape[1] < count:
            raise BenchtuiError(
                f"{self.label} has {logprobs.shape[1]:,} outputs for a tokenizer of {count:,} tokens.",
                "Choose a model that is whole.",
            )
        unknown = np.concatenate((logprobs[:, count:], logprobs[:, :count][:, ~self._known]), axis=1)
        self.removed = max(self.removed, float(np.exp(unknown.astype(np.float64)).sum(-1).max()))
        return normalised(np.where(self._known, logprobs[:, :count], -np.inf))


class SteppedText:
    """The text of one model, which begins as the text that two models write does, and may end before it."""

    def __init__(self, model: SteppedModel, text: GrowingText, observer: CountingObserver) -> None:
        self._model = model
        self._text = text
        self._observer = observer
        self._before = observer.positions
        self._length = 0
        self._calls = 0
        self._discarded = 0
        self._seconds = 0.0

    @property
    def length(self) -> int:
        """How many tokens the model has read."""
        if len(self._text.ids) != self._length:
            raise RuntimeError(f"{self._model.label} has {len(self._text.ids)} tokens in memory, not {self._length}")
        return self._length

    def read(self, ids: Ids, last: int) -> LogProbs:
        """Read what is missing of the text `ids` in one call; returns the distributions after its last `last` tokens,
        float64 [last, known ids] in nats. Raises what `GrowingText.step` does; the text is unchanged then."""
        if self.length > len(ids) - last:
            self.cut(len(ids) - last)
        began = time.perf_counter()
        found = self._text.step(list(ids[self._length :]), last=last)
        self._seconds += time.perf_counter() - began
        self._calls += 1
        self._length = len(ids)
        return self._model.restricted(found)

    def cut(self, length: int) -> None:
        """Forget the tokens from `length` on, if there are any."""
        if self._length > length:
            self._text.cut(length)
            self._discarded += self._length - length
            self._length = length

    def cost(self, chosen: int) -> Cost:
        """Return what the text has cost, `chosen` of whose tokens this model wrote."""
        positions = self._observer.positions - self._before
        return Cost(self._model.label, self._calls, positions, chosen, self._discarded, self._seconds)


def known_ids(tokens: Sequence[tuple[bytes, bool]]) -> NDArray[np.bool_]:
    """Return which ids are tokens, given the bytes of each and whether it is a special one (bool [ids])."""
    return np.array([bool(token) for token, _ in tokens], np.bool_)
