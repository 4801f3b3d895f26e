"""Tests the paired difference of one metric, with the test that fits its values."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from benchtui.compare.differences.metrics import Aggregation
from benchtui.compare.differences.repeated import joined
from benchtui.compare.records import Difference
from benchtui.evidence import bootstrap, matched_pairs, means, typical_values
from benchtui.evidence.matched_pairs import mcnemar
from benchtui.evidence.means import pseudo_values, scale_of, units_of
from benchtui.evidence.missing import around
from benchtui.evidence.power import detectable_share
from benchtui.evidence.records import ALPHA, POWER, Flips, Floats, Integers, Interval
from benchtui.evidence.student import t_quantile, weighted_stderr

MCNEMAR, MEAN = "exact McNemar", "Gaffke's test of a mean"
JACKKNIFE, BOOTSTRAP = "jackknife and Gaffke's test", "paired bootstrap"


class PairedTerms(msgspec.Struct, frozen=True):
    """The summands of paired documents in both runs, (documents, terms) each.

    `weights` (documents,) give the weight of each where a group's tasks count alike whatever their size, None where
    documents count alike. `sizes` is the number of documents of each task of a group, in order. `same` (documents,)
    numbers the documents; those that ask the same have the same number; None where all are different. `bounded`: scores
    between 0 and 1 have these as the ends of their scale.
    """

    aggregation: Aggregation
    first: Floats
    second: Floats
    weights: Floats | None = None
    sizes: tuple[int, ...] = ()
    same: Integers | None = None
    bounded: bool = True


def difference(terms: PairedTerms) -> Difference:
    """Compute second minus first with interval, p-value and power.

    0/1 scores of documents that count alike: exact McNemar. Other means: Gaffke's bounds. Scores that are no mean:
    Gaffke's bounds of their jackknife pseudo-values. Scores of texts as a whole (BLEU): the paired bootstrap. Documents
    that ask the same are one unit, whose summands are theirs added up.
    """
    if terms.same is not None and terms.weights is None:
        together = difference(
            msgspec.structs.replace(
                terms, first=joined(terms.first, terms.same), second=joined(terms.second, terms.same), same=None
            )
        )
        return msgspec.structs.replace(together, n=len(terms.first))
    if terms.aggregation.resampled:
        return _resampled(terms)
    if not terms.aggregation.mean:
        return _jackknifed(terms)
    if terms.weights is None and _is_binary(terms.first) and _is_binary(terms.second):
        return _binary(terms)
    return _mean(terms)


def _is_binary(terms: Floats) -> bool:
    return bool(np.all((terms[:, 0] == 0) | (terms[:, 0] == 1)) and np.all(terms[:, 1] == 1))


def count_flips(first: Floats, second: Floats) -> Flips:
    """Count the flips of 0/1 scores, (documents,) each."""
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
    found = Difference(
        n=n,
        clusters=n,
        first=float(first.mean()),
        second=float(second.mean()),
        value=(flips.fixed - flips.broken) / n,
        stderr=float(np.sqrt(changed - (flips.fixed - flips.broken) ** 2 / n)) / n,
        interval=None,
        p=mcnemar(flips.fixed, flips.broken),
        method=MCNEMAR,
        detectable=None,
        flips=flips,
    )
    return at_level(found, ALPHA)


def _mean(terms: PairedTerms) -> Difference:
    """Compute the difference of a ratio of sums whose units are the documents, also those with several scores each
    (IFEval's instructions)."""
    weights = np.ones(len(terms.first)) if terms.weights is None else terms.weights
    counts = terms.first[:, 1] * weights
    share = counts / counts.sum()
    each_first, each_second = terms.first[:, 0] / terms.first[:, 1], terms.second[:, 0] / terms.second[:, 1]
    moved = each_second - each_first
    scale = scale_of(each_first, each_second) if terms.bounded else None
    flips = None
    if _is_binary(terms.first) and _is_binary(terms.second):
        flips = count_flips(terms.first[:, 0], terms.second[:, 0])
    found = Difference(
        n=len(moved),
        clusters=len(moved),
        first=float(np.sum(share * each_first)),
        second=float(np.sum(share * each_second)),
        value=float(np.sum(share * moved)),
        stderr=weighted_stderr(moved, counts) if len(moved) > 1 else None,
        interval=None,
        p=1.0,
        method=MEAN,
        detectable=None,
        flips=flips,
        units=units_of(
            share * moved,
            share,
            (scale[0] - scale[1], scale[1] - scale[0]) if scale is not None else None,
            weighted=terms.weights is not None,
        ),
    )
    return at_level(msgspec.structs.replace(found, p=two_sided(found)), ALPHA)


def _jackknifed(terms: PairedTerms) -> Difference:
    n, combine = len(terms.first), terms.aggregation.combine
    first, second = (float(combine(side.sum(axis=0))) for side in (terms.first, terms.second))
    parts = (pseudo_values(terms.second, combine) - pseudo_values(terms.first, combine)) / n
    finite = bool(np.isfinite(parts).all())
    found = Difference(
        n=n,
        clusters=n,
        first=first,
        second=second,
        value=second - first,
        stderr=float(parts.std(ddof=1) * np.sqrt(n)) if finite and n > 1 else None,
        interval=None,
        p=1.0,
        method=JACKKNIFE,
        detectable=None,
        units=units_of(parts, np.full(n, 1 / n), None) if finite else None,
    )
    return at_level(msgspec.structs.replace(found, p=two_sided(found)), ALPHA)


def _resampled(terms: PairedTerms) -> Difference:
    n, combine, width = len(terms.first), terms.aggregation.combine, terms.first.shape[1]
    together = np.concatenate([terms.first, terms.second], axis=1)
    first, second = (float(combine(side.sum(axis=0))) for side in (terms.first, terms.second))
    draws = bootstrap.bootstrap(together, lambda sums: combine(sums[..., width:]) - combine(sums[..., :width]))
    found = Difference(
        n=n,
        clusters=n,
        first=first,
        second=second,
        value=second - first,
        stderr=float(np.std(draws.values, ddof=1)) if draws is not None else None,
        interval=None,
        p=1.0,
        method=BOOTSTRAP,
        detectable=None,
        draws=draws,
    )
    return at_level(msgspec.structs.replace(found, p=two_sided(found)), ALPHA)


def with_missing(found: Difference, completions: Sequence[Difference], missing: int) -> Difference:
    """Judge the difference of the pairs so that it holds for every one of `completions`."""
    values = [each.value for each in completions]
    value = min(max(found.value, min(values)), max(values))  # never a change that no completion has
    held = msgspec.structs.replace(found, value=value, missing=missing, completions=tuple(completions))
    return at_level(msgspec.structs.replace(held, p=two_sided(held)), found.alpha)


def two_sided(found: Difference) -> float:
    """Return the p-value of no difference, from the two one-sided ones."""
    return min(1.0, 2 * min(chance_of_no_more(found, 0.0), chance_of_no_less(found, 0.0)))


def chance_of_no_more(found: Difference, x: float) -> float:
    """Compute the one-sided p-value of the claim that the true difference is no more than `x`: small when the samples
    show that it is greater, 1 where they can show nothing. Interval and p-value of a difference come from this and its
    mirror image. With missing documents it is the largest p-value of the completions."""
    if found.completions:
        return max(chance_of_no_more(each, x) for each in found.completions)
    if found.method == MCNEMAR and found.flips is not None:
        return matched_pairs.chance_of_no_more(found.flips.fixed, found.flips.broken, found.n, x)
    if found.tasks:
        return typical_values.chance_of_no_more(np.array(found.tasks), x)
    if found.draws is not None:
        return bootstrap.chance_of_no_more(found.draws, x)
    return 1.0 if found.units is None else means.chance_of_no_more(found.units, x)


def chance_of_no_less(found: Difference, x: float) -> float:
    """Compute the one-sided p-value of the claim that the true difference is no less than `x`: small when the samples
    show that it is smaller, 1 where they can show nothing."""
    if found.completions:
        return max(chance_of_no_less(each, x) for each in found.completions)
    if found.method == MCNEMAR and found.flips is not None:
        return matched_pairs.chance_of_no_more(found.flips.broken, found.flips.fixed, found.n, -x)
    if found.tasks:
        return typical_values.chance_of_no_more(-np.array(found.tasks), -x)
    if found.draws is not None:
        return bootstrap.chance_of_no_more(found.draws.mirrored(), -x)
    return 1.0 if found.units is None else means.chance_of_no_more(found.units.mirrored(), -x)


def interval_at(found: Difference, alpha: float = ALPHA) -> Interval | None:
    """Return the differences that neither one-sided p-value rejects at `alpha` / 2; None where the samples can show
    nothing.

    It leaves out zero exactly when the two-sided p-value is below `alpha`.
    """
    if found.completions:
        return around([interval_at(each, alpha) for each in found.completions])
    if found.method == MCNEMAR and found.flips is not None:
        return matched_pairs.matched_interval(found.flips.fixed, found.flips.broken, found.n, alpha)
    if found.tasks:
        return typical_values.centre_interval(np.array(found.tasks), alpha)
    if found.draws is not None:
        return bootstrap.bootstrap_interval(found.draws, alpha)
    return None if found.units is None else means.mean_interval(found.units, alpha)


def at_level(found: Difference, alpha: float, tests: int = 1) -> Difference:
    """Return the same difference judged at another level: its interval, and what could have been seen as one of
    `tests`."""
    interval = interval_at(found, alpha)
    return msgspec.structs.replace(
        found,
        completions=tuple(each if each.alpha == alpha else at_level(each, alpha) for each in found.completions),
        interval=interval,
        detectable=_detectable(found, interval if tests == 1 else interval_at(found, alpha / tests), alpha / tests),
        alpha=alpha,
    )


def _detectable(found: Difference, interval: Interval | None, alpha: float) -> float | None:
    """Compute the smallest true difference that so many samples, changing side as these do, show four times in five;
    `interval` is the one at `alpha`. It is larger by what missing documents could hide. None where no size would do."""
    if found.completions:
        values = [each.value for each in found.completions]
        seen = [_detectable(each, interval_at(each, alpha), alpha) for each in found.completions]
        least = [size for size in seen if size is not None]
        return max(least) + max(values) - min(values) if len(least) == len(seen) else None
    if found.method == MCNEMAR and found.flips is not None:
        changed = found.flips.fixed + found.flips.broken
        return detectable_share(found.n, (changed + 1) / (found.n + 2), alpha)
    if interval is None or not found.stderr:
        return None
    half = max(found.value - interval.low, interval.high - found.value)
    return half + t_quantile(POWER, found.clusters - 1) * found.stderr
