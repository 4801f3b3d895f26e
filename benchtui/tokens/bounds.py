"""How two models differ where only their likeliest tokens are known: lower bounds of the divergences.

What is not in both lists is taken together as one token. KL, JS and TV of distributions that are merged like this are
never greater than those of the whole ones (the data-processing inequality).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchtui.tokens.records import PairScores

Ids = NDArray[np.int32]
LogProbs = NDArray[np.float32]

_LEAST = 1e-6
"""A rest below this is rounding."""


def lower_bounds(first_ids: Ids, first: LogProbs, second_ids: Ids, second: LogProbs) -> PairScores:
    """Compute lower bounds of the divergences from the likeliest tokens of both models.

    Ids [n, k] and their log-probabilities, the likeliest first; id -1 where fewer are known. The two lists may differ
    in length. The shift is the rank of the second's likeliest token in the first's list, one more than the list has
    where it is not in it.
    """
    p, q = _shared(first_ids, first, second_ids, second)
    p, q = _with_rest(p), _with_rest(q)
    middle = (p + q) / 2
    numbers = (_kl(p, q), _kl(q, p), (_kl(p, middle) + _kl(q, middle)) / 2, np.abs(p - q).sum(-1) / 2)
    kl, kl_reverse, js, tv = (number.clip(min=0).astype(np.float32) for number in numbers)
    return PairScores(kl, kl_reverse, js, tv, _shift(first_ids, first, second_ids), "lower")


def _shared(
    first_ids: Ids, first: LogProbs, second_ids: Ids, second: LogProbs
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The probabilities of the tokens that are in both lists, [n, …]; 0 where there is none."""
    ids = np.concatenate([first_ids, second_ids], -1)
    values = np.exp(np.concatenate([first, second], -1).astype(np.float64))
    order = np.argsort(ids, -1, kind="stable")  # the first's stands before the second's
    ids, values = np.take_along_axis(ids, order, -1), np.take_along_axis(values, order, -1)
    both = (ids[:, :-1] == ids[:, 1:]) & (ids[:, 1:] >= 0)
    return np.where(both, values[:, :-1], 0.0), np.where(both, values[:, 1:], 0.0)


def _with_rest(shared: NDArray[np.float64]) -> NDArray[np.float64]:
    rest = (1 - shared.sum(-1, keepdims=True)).clip(min=_LEAST)
    return np.concatenate([shared, rest], -1)


def _kl(p: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log(p / q), 0.0)
    found: NDArray[np.float64] = (terms - p + q).sum(-1)
    return found


def _shift(first_ids: Ids, first: LogProbs, second_ids: Ids) -> NDArray[np.int32]:
    same = first_ids == second_ids[:, :1]
    value = np.where(same, first, -np.inf).max(-1, keepdims=True)
    above: NDArray[np.int64] = np.where(same.any(-1), (first > value).sum(-1), (first_ids >= 0).sum(-1))
    return (above + 1).astype(np.int32)
