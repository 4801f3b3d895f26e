"""Simulates where a run with early stopping stops, and how often it finds a true gain, with the bets that it makes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchtui.evidence.records import EARLY_ALPHA, FINAL_ALPHA
from benchtui.evidence.sequential import DOCUMENTS_A_LOOK, Betting


@dataclass(frozen=True)
class Stopping:
    """`power` is the share of runs that find the gain, early or at their end; `early` the share that stop before all
    documents; `median` the median number of documents, where a run that never stops counts with all of them."""

    power: float
    early: float
    median: int


def stopping(
    total: int, discordant: float, difference: float, tests: int = 1, *, replicas: int = 300, seed: int = 541
) -> Stopping:
    """Simulate runs of `total` right-or-wrong documents that stop once the sign is certain, as one of `tests` tasks; a
    gain that is certain excludes a loss as well. A share `discordant` (0..1) changes side, the true gain is
    `difference` (0 <= difference <= discordant)."""
    from scipy.special import bdtr

    rng = np.random.default_rng(seed)
    shares = [(discordant + difference) / 2, (discordant - difference) / 2, 1 - discordant]
    moves = rng.choice(np.array([1, -1, 0], dtype=np.int8), p=shares, size=(replicas, total))
    gains = moves.cumsum(axis=1, dtype=np.int64)
    stops, better = np.full(replicas, total), np.zeros(replicas, dtype=bool)
    no_difference = np.array([0.5])  # differences of -1..1 are bet on as values of 0..1
    here = Betting(no_difference, total, EARLY_ALPHA / tests)
    anywhere = Betting(no_difference, None, EARLY_ALPHA / tests)
    going = np.ones(replicas, dtype=bool)
    for n in range(1, total):
        value = (moves[:, n - 1 : n] + 1.0) / 2
        here.add(value)
        anywhere.add(value)
        if n % DOCUMENTS_A_LOOK == 0:
            decided = going & (here.refuted() & anywhere.refuted())[:, 0]
            stops[decided], better[decided] = n, gains[decided, n - 1] > 0
            going &= ~decided
            if not going.any():
                break
    fixed, changed = (moves > 0).sum(axis=1), np.abs(moves).sum(axis=1, dtype=np.int64)
    shown = 2 * bdtr(changed - fixed, np.maximum(changed, 1), 0.5) < FINAL_ALPHA / tests
    better[going] = (shown & (2 * fixed > changed))[going]
    return Stopping(float(better.mean()), float(np.mean(stops < total)), int(np.median(stops)))
