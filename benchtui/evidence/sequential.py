"""Stops a comparison as soon as the paired difference is known: an anytime-valid confidence sequence, which may be
looked at after every document without a penalty.

I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by betting", JRSS-B 2024 (arXiv
2010.09686), and "Confidence sequences for sampling without replacement", NeurIPS 2020 (arXiv 2006.04347): a bet at fair
odds is made against every candidate mean; if the candidate is true, its capital ever reaches 1/alpha with probability
alpha at most (Ville), so candidates whose capital does are rejected for good.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from benchtui.evidence.questions import Asked, Question
from benchtui.evidence.records import EARLY_ALPHA, Floats, Interval

Decision = Literal["higher", "lower", "within", "above", "below"]
"""What is known about the difference: its sign; that it is within +-delta; or only on which side of the loss limit it
is."""

DOCUMENTS_A_LOOK, DOCUMENTS_A_STRATUM = 24, 8
"""How many documents are asked between two looks, and how many of each stratum at least. Looking more often makes no
error likelier; fewer documents at once would leave batches half empty, more would continue after all is known."""

_FRACTIONS = 0.7 * (np.arange(12) + 0.5) / 12
"""The parts of the capital that are bet on each value, side by side. Sizes fixed beforehand keep every bet fair; at
most 0.7, so that no single value loses all of the capital."""

_GRID = 401

_BESIDE = 1e-9
"""How far from the loss limit the candidates are that decide about it, so that rounding cannot put an interval that
ends there on both sides."""


class Betting:
    """The capital of bets against candidate means of values in [0, 1], after each value seen.

    `candidates` (..., m). `population` N: the candidates are means of a finite set of N values drawn without
    replacement, whose remaining mean moves as values are seen; None: means of an endless stream. Values may carry
    leading dimensions (replicas of the experiment), which the capital then has too.

    Half of the capital bets that values are higher than the candidate, half that they are lower, each spread evenly
    over the fractions: a mixture of fair games is a fair game.
    """

    def __init__(self, candidates: Floats, population: int | None, alpha: float) -> None:
        self._candidates = np.asarray(candidates, dtype=np.float64)
        self._population = population
        self._threshold = 1 / alpha
        self._n = 0
        self._sum: Floats | float = 0.0
        shape = (*self._candidates.shape, len(_FRACTIONS))
        self._up: Floats = np.full(shape, 0.5 / len(_FRACTIONS))
        self._down: Floats = np.full(shape, 0.5 / len(_FRACTIONS))
        self._refuted: npt.NDArray[np.bool_] = np.zeros(self._candidates.shape, dtype=bool)

    def add(self, value: Floats | float) -> None:
        """Bet on one more value in [0, 1] (..., 1 or scalar)."""
        y = np.asarray(value, dtype=np.float64)
        remaining = self._remaining_means()
        inside = np.clip(remaining, 1e-9, 1 - 1e-9)
        surprise = (y - inside)[..., None] * _FRACTIONS
        with np.errstate(over="ignore", under="ignore"):
            self._up = self._up * (1 + surprise / inside[..., None])
            self._down = self._down * (1 - surprise / (1 - inside)[..., None])
            capital = self._up.sum(axis=-1) + self._down.sum(axis=-1)
        impossible = (remaining < -1e-9) | (remaining > 1 + 1e-9)
        self._refuted = self._refuted | impossible | (capital >= self._threshold)
        self._n += 1
        self._sum = self._sum + y

    def _remaining_means(self) -> Floats:
        """Return the mean of the values still to come if a candidate is the mean of the whole; one outside [0, 1] is
        impossible."""
        if self._population is None:
            return self._candidates
        left = self._population - self._n
        if left <= 0:
            raise ValueError("more values than the population holds")
        return np.asarray((self._population * self._candidates - self._sum) / left)

    def refuted(self) -> npt.NDArray[np.bool_]:
        """Which candidates are rejected, now or at any earlier value."""
        return self._refuted


class DecideEarly:
    """Takes the paired differences of documents in random order; ask after each whether the answers are known.

    `total` documents in the task; `asked` are the questions, which must all be answered; `alpha` the chance of ever
    deciding wrongly, for all looks together: EARLY_ALPHA, divided by the number of tasks when several can stop early.
    Differences are bounded by -1 and 1: accuracies, or a prompt's share of followed instructions.

    A sign, and a loss that is shown or excluded, hold for these documents (sampled without replacement) and for others
    of their kind (as an endless stream): both sequences must agree, so that a tiny difference on this very set is no
    discovery. "within" is about these documents only: their difference is surely inside +-delta.

    `alpha` is not divided by the number of questions: all are read off the same two sequences, and as long as a
    sequence holds the truth, which fails with chance alpha, nothing read off it is wrong.
    """

    def __init__(self, total: int, asked: Asked | None = None, alpha: float = EARLY_ALPHA) -> None:
        if total < 1:
            raise ValueError("there is nothing to decide about")
        self.total, self.asked, self.alpha = total, asked or Asked(), alpha
        self.n = 0
        self._sum = 0.0
        delta = self.asked.delta or 0.0
        limit = self.asked.loss_limit
        marks = [-delta, 0.0, delta, *np.clip([limit - _BESIDE, limit + _BESIDE], -1, 1)]
        self._grid = np.unique(np.concatenate([np.linspace(-1, 1, _GRID), marks]))
        means = (self._grid + 1) / 2
        self._here = Betting(means, total, alpha)
        self._anywhere = Betting(means, None, alpha)
        self._decided: Decision | None = None

    def add(self, difference: float) -> None:
        """Add one document's difference, second run minus first. Raises ValueError outside [-1, 1]."""
        if not -1 <= difference <= 1:
            raise ValueError(f"a difference of {difference} is not between -1 and 1")
        value = (difference + 1) / 2
        self._here.add(value)
        self._anywhere.add(value)
        self.n += 1
        self._sum += difference

    def decision(self) -> Decision | None:
        """What is certain by now, None for nothing. Once made it does not change."""
        if self._decided is None:
            self._decided = decide(self.interval(), self.elsewhere(), self.asked)
        return self._decided

    def interval(self) -> Interval:
        """The interval of the difference over all `total` documents, valid at every look."""
        if self.n >= self.total:
            return Interval(self._sum / self.total, self._sum / self.total)
        return self._interval_of(self._here)

    def elsewhere(self) -> Interval:
        """The interval of the difference over other documents of their kind, valid at every look."""
        return self._interval_of(self._anywhere)

    @property
    def difference(self) -> float:
        """The mean difference so far; 0 before the first document."""
        return self._sum / self.n if self.n else 0.0

    def _interval_of(self, betting: Betting) -> Interval:
        """Return the range of the candidates that are not rejected, widened to their rejected neighbours, so that the
        grid never narrows it."""
        standing = np.flatnonzero(~betting.refuted())
        if len(standing) == 0:
            return Interval(self.difference, self.difference)
        low, high = max(standing[0] - 1, 0), min(standing[-1] + 1, len(self._grid) - 1)
        return Interval(float(self._grid[low]), float(self._grid[high]))


def decide(here: Interval, anywhere: Interval, asked: Asked) -> Decision | None:
    """Return what the two sequences show once they answer every question, None before; see DecideEarly."""
    both = Interval(min(here.low, anywhere.low), max(here.high, anywhere.high))
    higher, lower = both.low >= 0 and here.high > 0, both.high <= 0 and here.low < 0
    delta, limit = asked.delta, asked.loss_limit
    within = delta is not None and -delta <= here.low and here.high <= delta
    apart = delta is not None and (both.low > delta or both.high < -delta)
    above, below = _sides(both, limit, asked.higher_is_better)
    answered: dict[Question, bool] = {
        "sign": higher or lower or within,
        "loss": above or below,
        "equivalence": within or apart,
    }
    if not all(answered[question] for question in asked.questions):
        return None
    if higher or lower:
        return "higher" if higher else "lower"
    if within:
        return "within"
    return "above" if above else "below"


def _sides(ends: Interval, limit: float, higher_is_better: bool) -> tuple[bool, bool]:
    """Return whether all is above `limit`, and whether all is below. A loss of exactly the limit is allowed."""
    if higher_is_better:
        return ends.low >= limit, ends.high < limit
    return ends.low > limit, ends.high <= limit


def stratified_order(sizes: Sequence[int], seed: int) -> list[tuple[int, int]]:
    """Return (stratum, document) for all documents of several strata (MMLU's subjects), in a random order in which
    every beginning holds each stratum nearly in proportion.

    Each document gets a place in (0, 1): its rank in its stratum's own shuffle, shifted by a uniform jitter.
    """
    rng = np.random.default_rng(seed)
    places = []
    for stratum, size in enumerate(sizes):
        order = rng.permutation(size)
        spots = (np.arange(size) + rng.random(size)) / max(size, 1)
        places += [(float(spot), stratum, int(document)) for spot, document in zip(spots, order, strict=True)]
    return [(stratum, document) for _, stratum, document in sorted(places)]
