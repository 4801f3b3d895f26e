"""Which of two models writes the next token, by how far they are apart (conditional switching, seed of the idea:
RL_onoff; hysteresis as in every two-point controller)."""

from __future__ import annotations

import msgspec

from benchtui.routing.records import Side
from benchtui.tokens.modes import DivergenceKind


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
