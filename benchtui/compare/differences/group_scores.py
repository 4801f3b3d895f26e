"""The score of a group in one run, with an interval about its own tasks, like that of its difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from benchtui.compare.differences.groups import weighted_by_size
from benchtui.compare.differences.leaves import Leaf, ScoredTerms, side
from benchtui.compare.records import Side
from benchtui.evidence.means import mean_interval, scale_of, units_of
from benchtui.evidence.pooling import effects
from benchtui.evidence.shares import wilson
from benchtui.results.records import Group, RunResults, Score


def group_sides(
    group: Group, score: Score, runs: tuple[RunResults, RunResults], leaves: Mapping[tuple[str, str, str], Leaf]
) -> tuple[Side, Side]:
    """Return the group's score in both runs, by `score`'s metric; with lm-eval's own standard error where samples are
    missing."""
    keys = [(name, score.metric, score.filter) for name in group.leaves]
    scored = [leaves[key].scored if key in leaves else (None, None) for key in keys if runs[1].score(*key) is not None]
    by_size = weighted_by_size(group, score, runs)
    sides = []
    for number, results in enumerate(runs):
        mine = results.score(score.task, score.metric, score.filter)
        assert mine is not None  # noqa: S101 - rows are only made of scores that both have
        sides.append(group_side(results, mine, [both[number] for both in scored], by_size=by_size))
    return sides[0], sides[1]


def group_side(
    results: RunResults, score: Score, scored: Sequence[ScoredTerms | None], *, by_size: bool | None
) -> Side:
    """Compute a group's score in one run from the documents of its tasks (`scored`, one for each task); with lm-eval's
    own standard error where one is None, or where the score is neither the weighted nor the plain mean."""
    bare = side(results, score, None)
    if not score.finite or by_size is None:
        return bare
    return _stratified(bare, scored, by_size=by_size)


def _stratified(bare: Side, scored: Sequence[ScoredTerms | None], *, by_size: bool) -> Side:
    """Compute the standard error from each task's own variance (W. Cochran, Sampling Techniques, 1977, chapter 5). The
    interval is the one that a single task of all these documents would have, as for the difference; where tasks differ
    it is too wide rather than too narrow."""
    means = [part.terms for part in scored if part is not None and part.aggregation.mean]
    if len(means) < len(scored) or not means or sum(map(len, means)) < 2:
        return bare
    terms = np.concatenate(means)
    values, sizes = terms[:, 0] / terms[:, 1], np.array([len(part) for part in means])
    weights = sizes / sizes.sum() if by_size else np.full(len(sizes), 1 / len(sizes))
    _, variances = effects(values, np.repeat(np.arange(len(sizes)), sizes))
    stderr = float(np.sqrt(np.sum(weights**2 * variances)))
    if by_size and np.all((terms[:, 1] == 1) & ((values == 0) | (values == 1))):
        return msgspec.structs.replace(bare, stderr=stderr, interval=wilson(int(values.sum()), len(values)))
    shares = np.repeat(weights / sizes, sizes)
    units = units_of(values * shares, shares, scale_of(values), weighted=not by_size)
    return msgspec.structs.replace(bare, stderr=stderr, interval=mean_interval(units) if units is not None else None)
