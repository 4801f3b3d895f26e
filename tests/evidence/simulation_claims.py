"""Claims that nothing bad happened, of models that are just as bad as the margin: any claim is an error."""

from __future__ import annotations

import functools
from typing import Literal

import msgspec
import numpy as np

from benchtui.compare.records import Row
from benchtui.compare.verdicts.claims import with_claims
from benchtui.compare.verdicts.family import judged
from benchtui.compare.verdicts.margins import Margins
from tests.evidence.simulation_family import CHANGE, N, row_of

MARGIN = 10.0


def false_claims(
    kind: Literal["no loss", "no difference"], tasks: int, replicas: int, rng: np.random.Generator, *, watched: bool
) -> float:
    """How often this claim is made of any of so many tasks, on each of which the margin is lost (or, of every other
    one, gained where the claim is about both)."""
    wrong = 0
    signs = [1 if kind == "no difference" and number % 2 else -1 for number in range(tasks)]
    draws = []
    for sign in signs:
        shares = [(CHANGE + sign * MARGIN / 100) / 2, (CHANGE - sign * MARGIN / 100) / 2, 1 - CHANGE]
        draws.append(rng.multinomial(N, shares, size=replicas))
    for counts in np.stack(draws, axis=1):
        found = _claimed(tuple(sorted((int(f), int(b)) for f, b, _ in counts)), watched=watched)
        wrong += found[0 if kind == "no loss" else 1]
    return wrong / replicas


@functools.cache
def _claimed(flips: tuple[tuple[int, int], ...], *, watched: bool) -> tuple[bool, bool]:
    rows = [_named(number, row_of((f, b, N - f - b, 0, 0, 0, 0, 0))) for number, (f, b) in enumerate(flips)]
    looks = "looks" if watched else ""
    made = with_claims(judged(rows, len(rows), looks=looks), len(rows), Margins(MARGIN, MARGIN), watched=watched)
    return any(row.claims[0].shown for row in made), any(row.claims[1].shown for row in made)


def _named(number: int, row: Row) -> Row:
    return msgspec.structs.replace(row, task=f"t{number}")
