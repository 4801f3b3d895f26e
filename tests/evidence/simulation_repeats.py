"""Simulated answers of which several are drawn to each document, right or wrong, with chances that differ between
documents; and how often the interval that a run shows holds the true mean."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from benchtui.evidence.means import Units, chance_of_no_more, scale_of, units_of
from benchtui.evidence.records import ALPHA
from benchtui.evidence.shares import repeated_share

Floats = npt.NDArray[np.float64]

SKILLS: Mapping[str, tuple[float, float]] = {
    "documents alike": (200.0, 200.0),
    "documents of every kind": (1.0, 1.0),
    "documents easy or hard": (0.3, 0.3),
    "most documents hard": (0.4, 1.6),
}
"""The chances that an answer is right, as beta distributions over documents."""


def drawn(chance: Floats, answers: int, rng: np.random.Generator) -> Floats:
    """Draw the share of right ones among so many answers to each document, (documents,)."""
    return rng.binomial(answers, chance) / answers


def holds(units: Units | None, truth: float, alpha: float = ALPHA) -> bool:
    """Return whether the two-sided interval of a mean holds `truth`: no one-sided chance is below half the level."""
    if units is None:
        return True
    return min(chance_of_no_more(units, truth), chance_of_no_more(units.mirrored(), -truth)) >= alpha / 2


def held_means(kind: str, documents: int, answers: int, replicas: int, rng: np.random.Generator) -> float:
    """Return how often the interval of mean@k holds the mean over all documents of the kind."""
    a, b = SKILLS[kind]
    held = 0
    for _ in range(replicas):
        means = drawn(rng.beta(a, b, documents), answers, rng)
        held += _holds_mean(means, answers, a / (a + b))
    return held / replicas


def _holds_mean(means: Floats, answers: int, truth: float) -> bool:
    """As a run's own score has its interval (compare/differences/leaves.py)."""
    interval = repeated_share(means, answers)
    if interval is not None:
        return interval.low <= truth <= interval.high
    shares = np.full(len(means), 1 / len(means))
    return holds(units_of(means * shares, shares, scale_of(means)), truth)


def held_differences(kind: str, documents: int, answers: int, replicas: int, rng: np.random.Generator) -> float:
    """Return how often the interval of the paired difference of mean@k holds the true one, where the second model is
    right in a tenth of the cases in which the first one would be wrong."""
    a, b = SKILLS[kind]
    held = 0
    for _ in range(replicas):
        first = rng.beta(a, b, documents)
        moved = drawn(first + 0.1 * (1 - first), answers, rng) - drawn(first, answers, rng)
        shares = np.full(documents, 1 / documents)
        held += holds(units_of(moved * shares, shares, (-1.0, 1.0)), 0.1 * b / (a + b))
    return held / replicas


def held_as_if_independent(kind: str, documents: int, answers: int, replicas: int, rng: np.random.Generator) -> float:
    """Return how often an interval holds that takes every answer for a document of its own: the error avoided."""
    a, b = SKILLS[kind]
    truth, n, held = a / (a + b), documents * answers, 0
    for _ in range(replicas):
        share = float(drawn(rng.beta(a, b, documents), answers, rng).mean())
        held += abs(share - truth) <= 1.96 * np.sqrt(share * (1 - share) / n)
    return held / replicas
