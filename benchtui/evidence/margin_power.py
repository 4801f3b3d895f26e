"""Computes how likely right-or-wrong scores are to show that a difference is larger than a margin, for example that the
loss is not over three points. Exact, by the test in benchtui/evidence/matched_pairs.py."""

from __future__ import annotations

import functools

import numpy as np

from benchtui.evidence.matched_pairs import chance_of_no_more
from benchtui.evidence.power import likely_counts
from benchtui.evidence.records import ALPHA, Integers


def chance_of_more(n: int, discordant: float, difference: float, margin: float, alpha: float = ALPHA) -> float:
    """Compute the chance that `n` pairs show, one-sided at `alpha`, that the true difference is more than `margin`
    (-1..1).

    `difference` (-1..1) is the true one, `discordant` the share of samples that changes side; it is raised to the least
    share that the difference needs.
    """
    from scipy.special import bdtrc

    changing = max(discordant, abs(difference))
    changed, chances = likely_counts(n, changing)
    wins = _fewest_wins(n, int(changed[0]), int(changed[-1]), margin, alpha)
    fixed_share = 0.5 if changing == 0 else 0.5 * (1 + difference / changing)
    shown = np.where(wins == 0, 1.0, bdtrc(np.maximum(wins - 1, 0), np.maximum(changed, wins), fixed_share))
    return float(np.sum(chances * np.where(wins <= changed, shown, 0.0)))


@functools.lru_cache(maxsize=64)
def _fewest_wins(n: int, least: int, most: int, margin: float, alpha: float) -> Integers:
    """Return for each number of changes `least`..`most` the fewest gains among them that show more than `margin`; one
    more than the changes where not even all of them would."""
    found, wins = [], 0
    for changed in range(least, most + 1):
        while wins > 0 and _shows(wins - 1, changed, n, margin, alpha):
            wins -= 1
        while wins <= changed and not _shows(wins, changed, n, margin, alpha):
            wins += 1
        found.append(wins)
    return np.array(found)


@functools.lru_cache(maxsize=65_536)
def _shows(wins: int, changed: int, n: int, margin: float, alpha: float) -> bool:
    return chance_of_no_more(wins, changed - wins, n, margin) < alpha
