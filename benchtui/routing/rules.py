"""Which of two models writes the next token, or answers a document: by how far both are apart (conditional switching,
seed of the idea: RL_onoff; hysteresis as in every two-point controller), or by how unsure the small one is.

Model "a" is the small one, "b" the large one. A higher threshold leaves more to the small one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from benchtui.routing.names import DeferScore as DeferScore
from benchtui.routing.names import SignalName as SignalName
from benchtui.routing.records import Side
from benchtui.tokens.modes import DivergenceKind

_PERCENT = re.compile(r"p(\d{1,2}(?:\.\d{1,3})?)", re.ASCII)


class SwitchRule(msgspec.Struct, frozen=True):
    """The second model writes from where the divergence is greater than `up`, the first one again from where it is less
    than `down`. The decision holds for the token at which it is made. After a switch at least `min_stay` tokens are
    written before the next; `start` is the model that begins. Nats, for TV a share.

    Raises ValueError where `down` is greater than `up`, one of them is negative, or `min_stay` is not at least 1.
    """

    divergence: DivergenceKind
    up: float
    down: float
    min_stay: int = 1
    start: Side = "a"

    def __post_init__(self) -> None:
        if not 0 <= self.down <= self.up:
            raise ValueError(f"thresholds {self.down:g} and {self.up:g}: the lower must be from 0 to the upper one")
        if self.min_stay < 1:
            raise ValueError(f"min_stay is {self.min_stay}: must be at least 1")

    def leaves(self, side: Side, divergence: float, stayed: int | None) -> bool:
        """Whether the text leaves model `side` at a position; `stayed` counts the tokens written since the last switch,
        None where there was none."""
        if stayed is not None and stayed < self.min_stay:
            return False
        return divergence > self.up if side == "a" else divergence < self.down


def back_threshold(up: float, back: float | None) -> float:
    """Return the threshold below which the first model writes again: half of the other where none is named."""
    return up / 2 if back is None else back


class RouteRule(msgspec.Struct, frozen=True):
    """The large model writes the token before which the signal of the small one is at least `threshold`, and after it
    up to `hold` tokens in all, counted anew from every such token. `k` logits are read by the LogTokU signals.

    Raises ValueError where the threshold is not a number, or `hold` or `k` is too small.
    """

    signal: SignalName
    threshold: float
    hold: int = 1
    k: int = 10

    def __post_init__(self) -> None:
        _check(self.threshold)
        if self.hold < 1:
            raise ValueError(f"hold is {self.hold}: must be at least 1")
        if self.k < 2:
            raise ValueError(f"k is {self.k}: must be at least 2")

    def reached(self, signal: float) -> bool:
        """Whether the small model is unsure at a position. Raises ValueError where that is not known."""
        if not math.isfinite(signal):
            raise ValueError(f"the signal {self.signal} is not known at a position, so no model can be chosen there")
        return float(signal) >= self.threshold

    def writer(self, since: int | None) -> Side:
        """Return who writes a token; `since` counts the tokens from the last position at which the signal reached the
        threshold to this one (0: at this one), None where there was none."""
        return "b" if since is not None and since < self.hold else "a"


class DeferRule(msgspec.Struct, frozen=True):
    """The large model answers the documents of which the score of the small one's answer is at least `threshold`.
    `quantile` (0..1) is the one that "low-logprob" takes.

    Raises ValueError where the threshold is not a number, or the quantile not from 0 to 1.
    """

    score: DeferScore
    threshold: float
    quantile: float = 0.1

    def __post_init__(self) -> None:
        _check(self.threshold)
        if not 0 <= self.quantile <= 1:
            raise ValueError(f"quantile is {self.quantile:g}: must be from 0 to 1")


class Threshold(msgspec.Struct, frozen=True):
    """A threshold as it was `asked` for, a number or a quantile like "p70", and the number `value` that it is."""

    asked: float | str
    value: float


class Settled(msgspec.Struct, frozen=True):
    """The number `value` that a quantile `asked` for has come to for one task: of `values` values of what is measured
    (`of`, in words), in its first `documents` documents."""

    asked: str
    value: float
    of: str
    values: int
    documents: int


def percent_of(threshold: float | str) -> float | None:
    """Return the percentage of a threshold like "p95", None for a number. Raises ValueError for what is neither."""
    if not isinstance(threshold, str):
        return None
    found = _PERCENT.fullmatch(threshold)
    if found is None:
        raise ValueError(f"{threshold!r} is no number, and no quantile like p95")
    return float(found[1])


def parse_threshold(text: str) -> float | str:
    """Read a threshold that somebody typed: a number, also "inf", or a quantile like "p70". Raises ValueError for what
    is neither."""
    try:
        number = float(text)
    except ValueError:
        percent_of(text)
        return text
    _check(number)
    return number


def resolve(asked: float | str, profile: Sequence[float] | Any) -> Threshold:
    """Return the number that a threshold is; a quantile is one of `profile`, the finite values (n,) of the signal that
    were measured, interpolated linearly. Raises ValueError where there are none."""
    import numpy as np

    percent = percent_of(asked)
    if percent is None:
        return Threshold(asked, float(asked))
    values = np.asarray(profile, np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        raise ValueError(f"{asked} is a quantile of nothing: no value was measured")
    return Threshold(asked, float(np.quantile(values, percent / 100)))


def _check(threshold: float) -> None:
    if math.isnan(threshold):
        raise ValueError("the threshold is not a number")
