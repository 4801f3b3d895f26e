"""What is known of a text that two models have written together."""

from __future__ import annotations

import operator
from typing import Literal

import msgspec
from msgspec.structs import astuple

Side = Literal["a", "b"]
"""The first and the second model."""
Ended = Literal["end", "stop", "length", "window"]
"""Why a text ended: an end token, a stop string, the greatest number of tokens, the end of a model's window."""


def other(side: Side) -> Side:
    """Return the other of the two models."""
    return "b" if side == "a" else "a"


class Sampling(msgspec.Struct, frozen=True):
    """How a model writes: temperature 0 takes the likeliest token; `top_k` 0, `top_p` 1 and `min_p` 0 cut nothing off.
    Applied in the order of transformers: temperature, top-k, top-p, min-p."""

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    max_new_tokens: int = 256
    stop: tuple[str, ...] = ()
    seed: int = 1234

    @property
    def samples(self) -> bool:
        """Whether tokens are drawn at all."""
        return self.temperature > 0


class Cost(msgspec.Struct, frozen=True):
    """What one model had to do: `calls` one after another, `positions` read in them, `chosen` tokens written by it,
    positions `discarded` since the text was cut before them, and `seconds` until its calls returned.

    All but the seconds are what the text takes by itself. Beside others, `shared` of the positions were not computed,
    since another text begins alike, and `padding` positions were computed in vain: `positions - shared + padding` in
    all. `flops` are the floating-point operations for its positions (benchtui/routing/arithmetic.py); 0 where the
    model's shape is not known.
    """

    model: str
    calls: int = 0
    positions: int = 0
    chosen: int = 0
    discarded: int = 0
    seconds: float = 0.0
    shared: int = 0
    padding: int = 0
    flops: float = 0.0

    def plus(self, more: Cost) -> Cost:
        """Return the sum of both."""
        return Cost(self.model, *map(operator.add, astuple(self)[1:], astuple(more)[1:]))


class SwitchPoint(msgspec.Struct, frozen=True):
    """At the token `position` of the answer, counted from 0, the text went from one model to the other, which wrote
    that token; `divergence` in nats (of TV: 0 to 1)."""

    position: int
    from_model: Side
    to_model: Side
    divergence: float


class WrittenText(msgspec.Struct, frozen=True):
    """A text that two models have written: `tokens` and their `response`, `writers` the model of each token ("aab").
    `costs` are those of "a" and "b"."""

    response: str
    tokens: tuple[int, ...]
    writers: str
    ended: Ended
    costs: tuple[Cost, Cost]

    @property
    def run_lengths(self) -> list[tuple[Side, int]]:
        """Who wrote, and how many tokens in a row, in order."""
        found: list[tuple[Side, int]] = []
        for writer in self.writers:
            side: Side = "a" if writer == "a" else "b"
            if found and found[-1][0] == side:
                found[-1] = (side, found[-1][1] + 1)
            else:
                found.append((side, 1))
        return found


class SwitchedText(WrittenText, frozen=True):
    """A text that two models have written by turns: `divergences` is that of both models at each token, before it was
    written."""

    divergences: tuple[float, ...]
    switch_points: tuple[SwitchPoint, ...]


class RoutedText(WrittenText, frozen=True):
    """A text of a small model "a", in which a large one "b" has written where the small one was unsure: `signals` is
    how unsure it was of each token, before it was written (benchtui/routing/signals.py)."""

    signals: tuple[float, ...]


class DraftRound(msgspec.Struct, frozen=True):
    """How many tokens the small model has drafted, and how many of them, from the first on, were accepted."""

    drafted: int
    accepted: int


class SpeculativeText(WrittenText, frozen=True):
    """A text of a large model "b", for which a small one "a" has drafted: tokens of "a" are those that were
    accepted."""

    rounds: tuple[DraftRound, ...]

    @property
    def acceptance(self) -> float | None:
        """The share of drafted tokens that was accepted; None where none was drafted."""
        drafted = sum(each.drafted for each in self.rounds)
        return sum(each.accepted for each in self.rounds) / drafted if drafted else None
