"""The likeliest tokens at the places of a text, as arrays, from whatever way somebody tells them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchtui.worker.answering.next_token import TopLogProbs
from benchtui.worker.answering.protocol import Ids
from benchtui.worker.not_a_number import NotANumberError

MORE_THAN_ALL = 1e-3
"""What probabilities of different tokens may sum up to above 1, for rounding."""


class UntoldError(Exception):
    """What was told of a text are not the likeliest tokens of its places; the words say why."""


@dataclass(frozen=True)
class ToldPlace:
    """Log-probabilities by token id, in nats, and the rank of the text's own token, None where that is not told."""

    logprobs: Mapping[int, float]
    rank: int | None = None


def gathered(own: Ids, first: int, places: Sequence[ToldPlace], k: int) -> TopLogProbs:
    """Put what is told of the places of the tokens `own` (the first at place `first`) into arrays.

    A rank that is not told is the lowest that it can be. Raises NotANumberError for NaN, UntoldError where a token of
    the text has no number, or the probabilities at a place sum up to more than 1.
    """
    if len(places) != len(own):
        raise UntoldError(f"{len(places)} places are told of for {len(own)} tokens")
    ids = np.full((len(own), k), -1, np.int32)
    logprobs = np.full((len(own), k), -np.inf, np.float32)
    given, rank = np.empty(len(own), np.float32), np.empty(len(own), np.int32)
    for row, (token, place) in enumerate(zip(own, places, strict=True)):
        if any(math.isnan(value) for value in place.logprobs.values()):
            raise NotANumberError
        if not math.isfinite(place.logprobs.get(token, -math.inf)):
            raise UntoldError(f"the token at place {first + row} has no log-probability")
        if (total := math.fsum(map(math.exp, place.logprobs.values()))) > 1 + MORE_THAN_ALL:
            raise UntoldError(f"the probabilities of the likeliest tokens at place {first + row} sum up to {total:.3f}")
        best = sorted(place.logprobs.items(), key=lambda told: (-told[1], told[0]))[:k]
        found = [(one, value) for one, value in best if value > -math.inf]
        ids[row, : len(found)] = [one for one, _ in found]
        logprobs[row, : len(found)] = [value for _, value in found]
        given[row] = value = place.logprobs[token]
        rank[row] = place.rank or 1 + sum(other > value for other in place.logprobs.values())
    return TopLogProbs(first, ids, logprobs, given, rank)
