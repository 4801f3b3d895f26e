"""What lm-eval is given for each request at a threshold, and the work that this takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from benchtui.routing.answers import Work
from benchtui.routing.arithmetic import Arithmetic
from benchtui.routing.rules import back_threshold
from benchtui.routing.strategies import Strategy
from benchtui.routing.sweep import Mask, Request, switched
from benchtui.worker.sweep.records import Pass, SweptAnswers

Shapes = tuple[Arithmetic | None, Arithmetic | None]
"""Of the small and the large model, None where it is not known."""


@dataclass(frozen=True)
class Given:
    """What lm-eval is given for one request, and what each model does for it: calls, positions, and tokens that are its
    own (`Work.chosen`)."""

    answer: Any
    small: Work
    large: Work


class SweptRequest(Protocol):
    """One request at all thresholds."""

    @property
    def signals(self) -> np.ndarray[Any, Any]:
        """How unsure the small model is at each of its tokens (n,)."""

    def at(self, place: int, threshold: float) -> Given:
        """Return what it gives at a threshold, which is the one at this place among all, decreasing."""


class ScoredRequest:
    """A log-likelihood: each token scored by the model that the rule takes it to. `whole` where it is that of a whole
    text, whose windows are added, and nothing else is asked of it."""

    def __init__(
        self,
        small: Sequence[Pass],
        large: Sequence[Pass],
        strategy: Strategy,
        *,
        whole: bool,
        shapes: Shapes = (None, None),
    ) -> None:
        self._windows = [_Window(one, other, strategy, shapes) for one, other in zip(small, large, strict=True)]
        self._whole = whole

    @property
    def signals(self) -> np.ndarray[Any, Any]:
        """As `SweptRequest.signals`."""
        return np.concatenate([np.empty(0), *(window.signal for window in self._windows)])

    def at(self, place: int, threshold: float) -> Given:
        """As `SweptRequest.at`."""
        del place
        found = [window.at(threshold) for window in self._windows]
        small, large = Work(), Work()
        for _, _, one, other in found:
            small, large = small.plus(one), large.plus(other)
        return Given(self._answer([row[:2] for row in found]), small, large)

    def drawn(self, rng: np.random.Generator, share: float) -> Any:
        """Return what lm-eval is given where each token is the large model's with the chance `share`."""
        return self._answer([each.scored(rng.random(len(each.signal)) < share) for each in self._windows])

    def _answer(self, windows: Sequence[tuple[float, bool]]) -> Any:
        score = float(sum(each for each, _ in windows))
        return score if self._whole else (score, all(greedy for _, greedy in windows))


class _Window:
    """A continuation that both models have scored."""

    def __init__(self, small: Pass, large: Pass, strategy: Strategy, shapes: Shapes) -> None:
        self._shapes = shapes
        logprobs, top, self.signal = small.arrays
        others, other_top, _ = large.arrays
        self._whole = (small.whole, large.whole)
        self._read = small.read
        self._strategy = strategy
        self._request = Request(
            logprobs.astype(np.float64), others.astype(np.float64), self.signal, top, other_top
        ).held(strategy.hold if strategy.signal is not None else 1)

    def at(self, threshold: float) -> tuple[float, bool, Work, Work]:
        """The score, whether each token is the likeliest, and the work of both."""
        by_large = self._by_large(threshold)
        chosen, count = int(by_large.sum()), len(by_large)
        score, greedy = self.scored(by_large)
        of_small, of_large = self._shapes
        small = worked(of_small, 1, self._read, count - chosen, count)
        large = worked(of_large, 1, self._read, chosen, count)
        if self._strategy.signal is not None or math.isinf(threshold):  # else both read everything, to be compared
            last = int(by_large.nonzero()[0][-1]) if chosen else 0
            read = self._read - (count - 1 - last)
            large = worked(of_large, 1, read, chosen, chosen) if chosen else Work()
        return score, greedy, small, large

    def scored(self, by_large: Mask) -> tuple[float, bool]:
        """The score, and whether each token is the likeliest, where the large model scores some of the tokens (n,)."""
        request, chosen, count = self._request, int(by_large.sum()), len(by_large)
        if chosen in (0, count):  # as one model alone says it, to the last bit
            score = self._whole[chosen == count]
        else:
            score = float(np.where(by_large, request.large, request.small).sum(dtype=np.float64))
        return score, bool(np.where(by_large, request.large_top, request.small_top).all())

    def _by_large(self, threshold: float) -> Mask:
        """Which tokens the large model scores."""
        strategy = self._strategy
        if strategy.signal is not None or math.isinf(threshold):
            reached: Mask = self._request.signal >= threshold
            return reached
        down = back_threshold(threshold, strategy.back)
        by_large: Mask = switched(self._request.signal, [threshold], [down], strategy.min_stay)[0]
        return by_large


class WrittenRequest:
    """A text."""

    def __init__(self, answers: SweptAnswers, shapes: Shapes = (None, None)) -> None:
        self._answers = answers
        self._shapes = shapes

    @property
    def signals(self) -> np.ndarray[Any, Any]:
        """As `SweptRequest.signals`: they were measured before."""
        return np.empty(0)

    def at(self, place: int, threshold: float) -> Given:
        """As `SweptRequest.at`. Who has written tells what a run at this threshold computes: the small model all but
        the last token, the large one what stands before the last that it writes, as late as it can."""
        del threshold
        answer, writers = self._answers.at(place)
        count, by_large, prompt = len(writers), writers.count("b"), self._answers.prompt
        return Given(
            answer.text,
            worked(self._shapes[0], count, prompt + count - 1, count - by_large, count),
            worked(self._shapes[1], by_large, prompt + writers.rindex("b"), by_large, by_large) if by_large else Work(),
        )


def worked(shape: Arithmetic | None, calls: int, positions: int, chosen: int, outputs: int) -> Work:
    """Return the work of reading so many positions from the begin of a text on, with the logits of `outputs` of
    them."""
    return Work(calls, positions, chosen, flops=shape.flops(0, positions, outputs) if shape else 0.0)
