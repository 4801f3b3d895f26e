"""Simulated runs that stop early, and what `benchtui gate` then finds, through the worker's own bets."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchtui.evidence.matched_pairs import chance_of_no_more, mcnemar
from benchtui.evidence.power import detectable_share
from benchtui.evidence.questions import Question
from benchtui.evidence.records import ALPHA, EARLY_ALPHA, FINAL_ALPHA, Floats
from benchtui.evidence.sequential import DOCUMENTS_A_LOOK, Betting

Numbers = npt.NDArray[np.int64]
NEVER = 1 << 30


@dataclass(frozen=True)
class Looks:
    """When each run (runs,) first surely lay above, and below, each limit: a number of documents, NEVER where it did
    not. `here` of these documents, `anywhere` of others of their kind. `fixed` and `broken` count at the end."""

    n: int
    limits: tuple[float, ...]
    above_here: Numbers
    below_here: Numbers
    above_anywhere: Numbers
    below_anywhere: Numbers
    fixed: Numbers
    broken: Numbers

    def above(self, limit: float) -> Numbers:
        """When both sequences had it above."""
        at = self.limits.index(limit)
        return np.maximum(self.above_here[:, at], self.above_anywhere[:, at])

    def below(self, limit: float) -> Numbers:
        at = self.limits.index(limit)
        return np.maximum(self.below_here[:, at], self.below_anywhere[:, at])

    def within(self, delta: float) -> Numbers:
        """When these documents' difference surely was inside +-delta."""
        low, high = self.limits.index(-delta), self.limits.index(delta)
        return np.maximum(self.above_here[:, low], self.below_here[:, high])

    def stops(self, questions: tuple[Question, ...], delta: float, max_loss: float) -> Numbers:
        """Where each run stops when it is asked these questions; `n` for one that goes on to its end."""
        sign = np.minimum(self.above(0.0), self.below(0.0))
        answered = {
            "sign": np.minimum(sign, self.within(delta)),
            "loss": np.minimum(self.above(-max_loss), self.below(-max_loss)),
            "equivalence": np.minimum(self.within(delta), np.minimum(self.above(delta), self.below(-delta))),
        }
        return np.minimum(np.max([answered[question] for question in questions], axis=0), self.n)


def watch(
    n: int,
    effect: float,
    discordant: float,
    limits: tuple[float, ...],
    replicas: int,
    rng: np.random.Generator,
    alpha: float = EARLY_ALPHA,
) -> Looks:
    """Simulate `replicas` runs of `n` documents with this true difference and share of changes."""
    shares = [(discordant + effect) / 2, (discordant - effect) / 2, 1 - discordant]
    parts = [
        _watched(rng.choice([1.0, -1.0, 0.0], p=shares, size=(size, n)), limits, alpha)
        for size in [1_000] * (replicas // 1_000) + ([replicas % 1_000] if replicas % 1_000 else [])
    ]
    joined = (np.concatenate([part[i] for part in parts]) for i in range(6))
    return Looks(n, limits, *joined)


def _watched(differences: Floats, limits: tuple[float, ...], alpha: float) -> tuple[Numbers, ...]:
    runs, n = differences.shape
    candidates = (np.tile(np.array(limits), (runs, 1)) + 1) / 2
    first = [np.full(candidates.shape, NEVER, dtype=np.int64) for _ in range(4)]
    sequences = [Betting(candidates, population, alpha) for population in (n, None)]
    total = np.zeros((runs, 1))
    for t in range(n - 1):
        total += differences[:, t : t + 1]
        for betting in sequences:
            betting.add((differences[:, t : t + 1] + 1) / 2)
        if (t + 1) % DOCUMENTS_A_LOOK:
            continue
        upwards = total / (t + 1) > np.array(limits)
        for number, betting in enumerate(sequences):
            for side, seen in ((0, upwards), (1, ~upwards)):
                times = first[2 * number + side]
                times[betting.refuted() & seen & (times == NEVER)] = t + 1
    counts = [np.sum(differences == value, axis=1) for value in (1.0, -1.0)]
    return (*first, *counts)


@dataclass(frozen=True)
class Outcomes:
    """Shares of runs (0..1), and the median number of documents asked."""

    go: float
    no_go: float
    told_apart: float
    median: float

    @property
    def inconclusive(self) -> float:
        return 1 - self.go - self.no_go


def outcomes(looks: Looks, questions: tuple[Question, ...], delta: float = 0.02, max_loss: float = 0.03) -> Outcomes:
    """What the gate at `max_loss` says, and whether a sign was found: from the sequences where a run stopped, else by
    the tests of all documents at the level that the looks left."""
    stops = looks.stops(questions, delta, max_loss)
    ended = stops >= looks.n
    at_end = [_at_end(int(f), int(b), looks.n, max_loss) for f, b in zip(looks.fixed, looks.broken, strict=True)]
    go = np.where(ended, [one[0] for one in at_end], looks.above(-max_loss) <= stops)
    no_go = np.where(ended, [one[1] for one in at_end], looks.below(-max_loss) <= stops)
    sign = np.minimum(looks.above(0.0), looks.below(0.0))
    apart = np.where(ended, [one[2] for one in at_end], sign <= stops)
    return Outcomes(float(go.mean()), float(no_go.mean()), float(apart.mean()), float(np.median(stops)))


@functools.cache
def _at_end(fixed: int, broken: int, n: int, max_loss: float) -> tuple[bool, bool, bool]:
    return (
        chance_of_no_more(fixed, broken, n, -max_loss) < FINAL_ALPHA,
        chance_of_no_more(broken, fixed, n, max_loss) < FINAL_ALPHA,
        mcnemar(fixed, broken) < FINAL_ALPHA,
    )


def price_of_looking(n: int, discordant: float, replicas: int, rng: np.random.Generator) -> tuple[float, float, float]:
    """The power of a whole run, judged once at 5 %, at the gain that it shows in eight of ten cases; that of a watched
    run asked for the sign alone, early or at its end; and the median number of documents that this one asks."""
    gain = detectable_share(n, discordant)
    assert gain is not None
    looks = watch(n, gain, discordant, (-0.03, -0.02, 0.0, 0.02), replicas, rng)
    stops = np.minimum(looks.above(0.0), looks.n)
    at_end = np.array([mcnemar(int(f), int(b)) for f, b in zip(looks.fixed, looks.broken, strict=True)])
    better = looks.fixed > looks.broken
    watched = np.where(stops < n, True, (at_end < FINAL_ALPHA) & better)
    return float(((at_end < ALPHA) & better).mean()), float(watched.mean()), float(np.median(stops))
