"""Where the global generators of random numbers are, which lm-eval seeds and the code of a task may draw from."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import numpy as np


class Drawn(NamedTuple):
    """The places of Python's and of NumPy's global generator; equal where nothing was drawn in between."""

    python: Any
    numpy: tuple[Any, ...]


def drawn_so_far() -> Drawn:
    """Return where both generators are now."""
    state: Any = np.random.get_state(legacy=True)
    name, keys, *place = state
    return Drawn(random.getstate(), (name, tuple(keys.tolist()), *place))


def draw_from(place: Drawn) -> None:
    """Let both generators continue from `place`."""
    random.setstate(place.python)
    name, keys, *rest = place.numpy
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))
