"""Leaderboards of checkpoints of one training, simulated: they share most answers with each other and with their base.

Only counts decide about a right-or-wrong score, so that the exact test of the product is asked once for each pair of
counts.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchtui.evidence.winners_curse import Choice, shrinkage

Booleans = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

CHANGE = 0.2
"""The share of documents on which two checkpoints differ."""


def answers(
    candidates: int, documents: int, rng: np.random.Generator, *, better: float = 0.0, change: float = CHANGE
) -> Booleans:
    """Right or wrong, (documents, candidates): all are equally good on average, but for the last one, which is `better`
    by so much. Any two differ on a share `change` of the documents: those whose answer is not settled, each checkpoint
    by itself right on half of them; of the others 40 % are right for all."""
    unsettled = rng.random(documents) < 2 * change
    skill = np.where(unsettled, 0.5, rng.random(documents) < 0.4)
    skills = np.repeat(skill[:, None], candidates, axis=1)
    if better:
        skills[unsettled, -1] += better / (2 * change)
    return np.asarray(rng.random((documents, candidates)) < skills)


def told_and_true(
    candidates: int, documents: int, replicas: int, rng: np.random.Generator, *, change: float = CHANGE
) -> tuple[Floats, Floats]:
    """What is told of the best of equal checkpoints, and by how much its score is above its true one, (replicas,)."""
    told, true = np.zeros(replicas), np.zeros(replicas)
    for replica in range(replicas):
        unsettled = rng.random(documents) < 2 * change
        skill = np.where(unsettled, 0.5, rng.random(documents) < 0.4)
        right = (rng.random((documents, candidates)) < skill[:, None]) * 1.0
        found = shrinkage([Choice(np.stack([right, np.ones_like(right)], axis=2), _mean)])
        assert found is not None
        told[replica] = found
        true[replica] = right.mean(axis=0).max() - skill.mean()
    return told, true


def _mean(sums: Floats) -> Floats:
    return np.asarray(sums[..., 0] / sums[..., 1])
