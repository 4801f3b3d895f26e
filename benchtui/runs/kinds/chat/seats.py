"""Which two models answer a prompt of a blind vote, and which of them is shown first.

All of it follows from the seed in the plan, so a vote that is resumed shows the same sides, and what was shown can be
checked afterwards. Digests take the place of random numbers: they are the same on every machine and in every version.
"""

from __future__ import annotations

import hashlib
from itertools import combinations

Pair = tuple[int, int]
"""Numbers of models."""


def seats(seed: int, models: int, place: int) -> Pair:
    """Return the model that is shown first (left) and the one that is shown second, for the prompt at `place` from 0.

    Each side is drawn for itself, as by a coin: were both models the same, every vote that prefers one would be for
    either with a chance of one half, whatever the voter does. That is all that the sign test assumes. Of more than two
    models every pair has its turn before any has another one, in a random order.
    """
    pairs = list(combinations(range(models), 2))
    block, inside = divmod(place, len(pairs))
    order = sorted(pairs, key=lambda pair: _digest(seed, "pair", block, *pair))
    first, second = order[inside]
    return (second, first) if _digest(seed, "side", place)[0] & 1 else (first, second)


def _digest(seed: int, *what: str | int) -> bytes:
    return hashlib.sha256(" ".join(map(str, (seed, *what))).encode()).digest()
