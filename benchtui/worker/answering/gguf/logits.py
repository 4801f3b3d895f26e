"""Log-probabilities of logits, in float32 as transformers computes them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchtui.worker.not_a_number import NotANumberError

Logits = NDArray[np.float32]

_AT_ONCE = 32
"""Rows whose exponentials are in memory together."""


def checked_best(logits: Logits) -> NDArray[np.intp]:
    """Return the likeliest token of each row. Raises NotANumberError where there is NaN, or nothing but -infinity."""
    best: NDArray[np.intp] = logits.argmax(axis=-1)  # the first NaN where there is one
    if not np.isfinite(logits[np.arange(len(logits)), best]).all():
        raise NotANumberError
    return best


def normalisers(logits: Logits) -> NDArray[np.float32]:
    """Return the logarithm of the sum of exponentials of each row."""
    found = np.empty(len(logits), dtype=np.float32)
    for first in range(0, len(logits), _AT_ONCE):
        part = logits[first : first + _AT_ONCE]
        most = part.max(axis=-1)
        found[first : first + len(part)] = most + np.log(np.exp(part - most[:, None]).sum(axis=-1))
    return found


def logprobs(logits: Logits) -> NDArray[np.float32]:
    """Return log-probabilities in nats. Raises NotANumberError as `checked_best`."""
    checked_best(logits)
    result: NDArray[Any] = logits - normalisers(logits)[:, None]
    return result
