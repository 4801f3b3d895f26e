"""Stopping as soon as the paired difference is known: an anytime-valid confidence sequence, looked at after every
document without a penalty for looking.

I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by betting", JRSS-B 2024
(arXiv 2010.09686), and "Confidence sequences for sampling without replacement", NeurIPS 2020 (arXiv 2006.04347): for
every candidate mean somebody bets against it at fair odds; if the candidate is true the capital ever reaches 1/alpha
with probability alpha at most (Ville), so candidates at which it does are refuted for good.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from benchtui.evidence.questions import Asked, Question
from benchtui.evidence.records import EARLY_ALPHA, Floats, Interval

Decision = Literal["higher", "lower", "within", "above", "below"]
"""What is known of the difference: its sign; that it is within +-delta; or only on which side of the limit it is at
which a loss is as large as it may be."""

DOCUMENTS_A_LOOK, DOCUMENTS_A_STRATUM = 24, 8
"""How many documents are asked between two looks, and how many of each stratum at least. Looking oftener makes
no error likelier; asking fewer at once would leave batches half empty, asking more would go on when all is known."""

_FRACTIONS = 0.7 * (np.arange(12) + 0.5) / 12
"""The parts of the capital that are risked on each value, side by side. Bets sized beforehand are fair whatever comes;
up to 0.7, so that no value ruins a bettor."""

_GRID = 401

_BESIDE = 1e-9
"""How far beside the limit of a loss the candidates are that decide about it: an interval that ends there is on one
side of the limit, however that was rounded."""


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
        """One more value in [0, 1] (..., 1 or scalar)."""
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
        """The mean of what is still to come if a candidate is the mean of the whole; outside [0, 1] it cannot be."""
        if self._population is None:
            return self._candidates
        left = self._population - self._n
        if left <= 0:
            raise ValueError("more values than the population holds")
        return np.asarray((self._population * self._candidates - self._sum) / left)

    def refuted(self) -> npt.NDArray[np.bool_]:
        """Which candidates are refuted, now or at any earlier value."""
        return self._refuted


class DecideEarly:
    """Feed the paired differences of documents in random order; ask after each whether the answers are known.

    `total` documents in the task; `asked` what must be known, all of it; `alpha` the chance of ever deciding wrongly,
    for all looks together: EARLY_ALPHA, divided by the number of tasks when several are watched. Differences are
    bounded by -1 and 1: accuracies, or a prompt's share of followed instructions.

    A sign, and a loss that is shown or excluded, hold for these documents (sampled without replacement) and for others
    of their kind (as an endless stream): both sequences must agree, so that a difference of a hair on this very set is
    no discovery. "within" is about these documents only: their difference is surely inside +-delta.

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
        """One document's difference, second run minus first. Raises ValueError outside [-1, 1]."""
        if not -1 <= difference <= 1:
            raise ValueError(f"a difference of {difference} is not between -1 and 1")
        value = (difference + 1) / 2
        self._here.add(value)
        self._anywhere.add(value)
        self.n += 1
        self._sum += difference

    def decision(self) -> Decision | None:
        """What is certain by now, None for nothing. Once made it stands."""
        if self._decided is None:
            self._decided = decide(self.interval(), self.elsewhere(), self.asked)
        return self._decided

    def interval(self) -> Interval:
        """Where the difference over all `total` documents lies, valid at every look."""
        if self.n >= self.total:
            return Interval(self._sum / self.total, self._sum / self.total)
        return self._interval_of(self._here)

    def elsewhere(self) -> Interval:
        """Where the difference over others of their kind lies, valid at every look."""
        return self._interval_of(self._anywhere)

    @property
    def difference(self) -> float:
        """The mean difference so far; 0 before the first document."""
        return self._sum / self.n if self.n else 0.0

    def _interval_of(self, betting: Betting) -> Interval:
        """Between the outermost candidates that stand, widened to their refuted neighbours: the grid never narrows."""
        standing = np.flatnonzero(~betting.refuted())
        if len(standing) == 0:
            return Interval(self.difference, self.difference)
        low, high = max(standing[0] - 1, 0), min(standing[-1] + 1, len(self._grid) - 1)
        return Interval(float(self._grid[low]), float(self._grid[high]))


def decide(here: Interval, anywhere: Interval, asked: Asked) -> Decision | None:
    """What the two sequences show once they answer every question, None before; see DecideEarly."""
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
    """Whether all is above `limit`, and whether all is below. A loss of just the limit is allowed."""
    if higher_is_better:
        return ends.low >= limit, ends.high < limit
    return ends.low > limit, ends.high <= limit


def stratified_order(sizes: Sequence[int], seed: int) -> list[tuple[int, int]]:
    """(stratum, document) for all documents of several strata (MMLU's subjects), in a random order in which every
    beginning holds each stratum nearly in proportion.

    Each document gets a place in (0, 1): its rank in its stratum's own shuffle, shifted by a uniform jitter.
    """
    rng = np.random.default_rng(seed)
    places = []
    for stratum, size in enumerate(sizes):
        order = rng.permutation(size)
        spots = (np.arange(size) + rng.random(size)) / max(size, 1)
        places += [(float(spot), stratum, int(document)) for spot, document in zip(spots, order, strict=True)]
    return [(stratum, document) for _, stratum, document in sorted(places)]
