"""The paired difference of one metric: which test fits its values, and what it says."""

from __future__ import annotations

import msgspec
import numpy as np

from benchtui.compare.metrics import Aggregation
from benchtui.compare.records import Difference
from benchtui.evidence.clusters import FEW_CLUSTERS, clustered_stderr, t_interval, t_test
from benchtui.evidence.matched_pairs import matched_interval, mcnemar
from benchtui.evidence.power import detectable_mean, detectable_share
from benchtui.evidence.records import ALPHA, Flips, Floats, Integers, Interval
from benchtui.evidence.swapping import SEED, sign_flip_test, swap_interval

MCNEMAR, RESAMPLED = "exact McNemar", "paired bootstrap and swapping"

RESAMPLES = 2_000
_BATCH = 4_000_000


class PairedTerms(msgspec.Struct, frozen=True):
    """The summands of paired documents in both runs, (documents, terms) each.

    `clusters` (documents,) numbers the unit that each belongs to, `weights` (documents,) sum to the number of units of
    the score; both None where documents stand for themselves and count alike.
    """

    aggregation: Aggregation
    first: Floats
    second: Floats
    clusters: Integers | None = None
    weights: Floats | None = None


def difference(terms: PairedTerms) -> Difference:
    """Second minus first with interval, p-value and power.

    0/1 scores of independent documents: exact McNemar. Other means, and everything in clusters: the clustered t-test,
    or swapping whole units where these are few. What is no mean: paired bootstrap and swapping, both seeded.
    """
    if not terms.aggregation.mean:
        return _resampled(terms)
    if terms.clusters is None and terms.weights is None and _is_binary(terms.first) and _is_binary(terms.second):
        return _binary(terms)
    return _clustered(terms)


def _is_binary(terms: Floats) -> bool:
    return bool(np.all((terms[:, 0] == 0) | (terms[:, 0] == 1)) and np.all(terms[:, 1] == 1))


def count_flips(first: Floats, second: Floats) -> Flips:
    """Flips of 0/1 scores, (documents,) each."""
    return Flips(
        fixed=int(np.sum((first == 0) & (second == 1))),
        broken=int(np.sum((first == 1) & (second == 0))),
        both_right=int(np.sum((first == 1) & (second == 1))),
        both_wrong=int(np.sum((first == 0) & (second == 0))),
    )


def _binary(terms: PairedTerms) -> Difference:
    first, second = terms.first[:, 0], terms.second[:, 0]
    n = len(first)
    flips = count_flips(first, second)
    changed = flips.fixed + flips.broken
    return _with_interval(
        Difference(
            n=n,
            clusters=n,
            first=float(first.mean()),
            second=float(second.mean()),
            value=(flips.fixed - flips.broken) / n,
            stderr=float(np.sqrt(changed - (flips.fixed - flips.broken) ** 2 / n)) / n,
            interval=None,
            p=mcnemar(flips.fixed, flips.broken),
            method=MCNEMAR,
            detectable=detectable_share(n, (changed + 1) / (n + 2)),
            flips=flips,
        )
    )


def _clustered(terms: PairedTerms) -> Difference:
    """A ratio of sums: residuals of each document from the mean, summed by unit (Miller, section 2.2).

    A document with several scores (IFEval's instructions) is itself a unit; a group's unit is the task.
    """
    weights = np.ones(len(terms.first)) if terms.weights is None else terms.weights
    counts = terms.first[:, 1] * weights
    share = counts / counts.sum()
    each_first, each_second = terms.first[:, 0] / terms.first[:, 1], terms.second[:, 0] / terms.second[:, 1]
    moved = each_second - each_first
    value = float(np.sum(share * moved))
    units = np.arange(len(moved)) if terms.clusters is None else terms.clusters
    n_units = len(np.unique(units))
    stderr = clustered_stderr(moved, units, counts) if n_units > 1 else None
    sums = np.bincount(units, weights=share * moved).astype(np.float64)
    few = n_units < FEW_CLUSTERS
    flips = None
    if _is_binary(terms.first) and _is_binary(terms.second):
        flips = count_flips(terms.first[:, 0], terms.second[:, 0])
    shares = np.bincount(units, weights=share).astype(np.float64)
    return _with_interval(
        Difference(
            n=len(moved),
            clusters=n_units,
            first=float(np.sum(share * each_first)),
            second=float(np.sum(share * each_second)),
            value=value,
            stderr=stderr,
            interval=None,
            p=sign_flip_test(sums) if few or stderr is None else t_test(value, stderr, n_units),
            method="swapping whole units" if few else "clustered t-test",
            detectable=detectable_mean(stderr, n_units) if stderr else None,
            flips=flips,
            units=tuple(zip(sums.tolist(), shares.tolist(), strict=True)) if few else (),
            weighted=terms.weights is not None,
        )
    )


def _with_interval(found: Difference) -> Difference:
    return msgspec.structs.replace(found, interval=interval_at(found))


def at_level(found: Difference, alpha: float) -> Difference:
    """The same difference judged at another level: its interval, and what could have been seen."""
    if found.method == RESAMPLED:
        return found  # its interval is that of its draws
    detectable = None
    if found.method == MCNEMAR and found.flips is not None:
        changed = found.flips.fixed + found.flips.broken
        detectable = detectable_share(found.n, (changed + 1) / (found.n + 2), alpha)
    elif found.stderr:
        detectable = detectable_mean(found.stderr, found.clusters, alpha)
    return msgspec.structs.replace(found, interval=interval_at(found, alpha), detectable=detectable, alpha=alpha)


def interval_at(found: Difference, alpha: float = ALPHA) -> Interval | None:
    """The interval of a difference at another level than its own; None where none can be made.

    0/1 scores of independent documents, and any where nothing moved, from the flips alone; few units by the same swaps
    that its p-value comes from; else Student's t.
    """
    if found.stderr is None:
        return None
    if found.flips is not None and (found.method == MCNEMAR or (found.stderr == 0 and not found.weighted)):
        return matched_interval(found.flips.fixed, found.flips.broken, found.n, alpha)
    if found.stderr == 0 and found.value == 0:  # with 95 % confidence fewer than this share of the units would move
        bound = 1 - alpha ** (1 / found.clusters)
        return Interval(-bound, bound)
    if found.units:
        sums, shares = np.array(found.units).T
        return swap_interval(sums, shares, alpha)
    return t_interval(found.value, found.stderr, found.clusters, alpha)


def _resampled(terms: PairedTerms) -> Difference:
    n = len(terms.first)
    combine = terms.aggregation.combine
    rng = np.random.default_rng(SEED)
    first, second = (float(combine(side.sum(axis=0))) for side in (terms.first, terms.second))
    value = second - first
    drawn, swapped = [], []
    for size in _batches(n, terms.first.shape[1]):
        chosen = rng.integers(n, size=(size, n))
        drawn.append(combine(terms.second[chosen].sum(axis=1)) - combine(terms.first[chosen].sum(axis=1)))
        swap = rng.integers(2, size=(size, n, 1)).astype(bool)
        one = np.where(swap, terms.second, terms.first).sum(axis=1)
        other = np.where(swap, terms.first, terms.second).sum(axis=1)
        swapped.append(combine(other) - combine(one))
    differences, null = np.concatenate(drawn), np.concatenate(swapped)
    low, high = np.quantile(differences, [ALPHA / 2, 1 - ALPHA / 2])
    stderr = float(differences.std(ddof=1))
    return Difference(
        n=n,
        clusters=n,
        first=first,
        second=second,
        value=value,
        stderr=stderr,
        interval=Interval(float(low), float(high)),
        p=(1 + int(np.sum(np.abs(null) >= abs(value) * (1 - 1e-12)))) / (len(null) + 1),
        method=RESAMPLED,
        detectable=detectable_mean(stderr, n),
    )


def _batches(n: int, terms: int) -> list[int]:
    """Sizes that sum to RESAMPLES, each small enough to keep memory flat."""
    size = max(1, min(RESAMPLES, _BATCH // max(n * terms, 1)))
    full, rest = divmod(RESAMPLES, size)
    return [size] * full + ([rest] if rest else [])
