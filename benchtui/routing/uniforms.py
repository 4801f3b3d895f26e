"""Random numbers that depend on where they are used alone: whatever else is drawn, and in whatever order.

Two runs with the same seed draw a token from the same number at the same position, so that they differ only where their
distributions, or the rules between them, do.
"""

from __future__ import annotations

import numpy as np

_WORD = 1 << 64


def uniform(seed: int, document: int, repeat: int, position: int, stream: int = 0) -> float:
    """Return a number in [0, 1), 53 bits, for one position of one text; where more than one is needed there, each from
    a `stream` of its own.

    From Philox 4x64 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): seed and repeat are its key,
    document, position and stream its counter.
    """
    key = np.array([seed % _WORD, repeat % _WORD], np.uint64)
    counter = np.array([0, position % _WORD, document % _WORD, stream % _WORD], np.uint64)
    bits = int(np.random.Philox(key=key, counter=counter).random_raw())
    return float((bits >> 11) * 2.0**-53)
