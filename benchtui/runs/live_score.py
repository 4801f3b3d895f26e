"""A score over the answers so far, and those of several tasks as one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec


class LiveScore(msgspec.Struct, frozen=True):
    """`value` and `stderr` on lm-eval's own scale (accuracy 0..1); value None where it is not a number, stderr None
    where lm-eval gives none. `mean`: the value is the mean of the `n` documents' values, and the standard error that of
    such a mean; not so a median, or BLEU over a corpus."""

    metric: str
    filter: str
    value: float | None
    stderr: float | None
    n: int
    mean: bool = False


def average(scores: Sequence[LiveScore]) -> LiveScore | None:
    """The scores of several tasks as one, weighted by n; None when there is none or they measure different things.

    The standard error is lm-eval's for groups, the pooled one (api/metrics.py, `pooled_sample_stderr`), which gives a
    task of one document no weight; None where a larger task has none.
    """
    counted = [score for score in scores if score.n > 0]
    if not counted or any((s.metric, s.filter) != (counted[0].metric, counted[0].filter) for s in counted):
        return None
    known = [(score, score.value) for score in counted if score.value is not None and math.isfinite(score.value)]
    if len(known) < len(counted):  # as in lm-eval's groups: what one task has no number for, the group has none for
        return LiveScore(counted[0].metric, counted[0].filter, None, None, sum(score.n for score in counted))
    if len(counted) == 1:
        return counted[0]
    n = sum(score.n for score in counted)
    value = sum(value * score.n for score, value in known) / n
    return LiveScore(counted[0].metric, counted[0].filter, value, _pooled_stderr(counted, n), n)


def mean_of_parts(scores: Sequence[LiveScore]) -> LiveScore | None:
    """The scores of one task on different documents as the score on all of them, exactly; None where that cannot be
    computed from the scores: they are no means.

    The sum of squared deviations of each part follows from its standard error, s / sqrt(n) with n - 1 in the variance;
    those of the parts are put together as by Chan, Golub and LeVeque (The American Statistician 37, 1983).
    """
    parts = [score for score in scores if score.n > 0]
    if not parts or not all(score.mean for score in parts):
        return None
    metric, filter_name, n = parts[0].metric, parts[0].filter, sum(score.n for score in parts)
    known = [(score.value, score.n) for score in parts if score.value is not None and math.isfinite(score.value)]
    if len(known) < len(parts):  # one document whose value is no number makes the mean none
        return LiveScore(metric, filter_name, None, None, n, mean=True)
    value = math.fsum(value * count for value, count in known) / n
    if n == 1 or any(score.n > 1 and score.stderr is None for score in parts):
        return LiveScore(metric, filter_name, value, None, n, mean=True)
    within = math.fsum((score.stderr or 0.0) ** 2 * score.n * (score.n - 1) for score in parts)
    between = math.fsum(count * (each - value) ** 2 for each, count in known)
    return LiveScore(metric, filter_name, value, math.sqrt((within + between) / (n - 1) / n), n, mean=True)


def _pooled_stderr(scores: Sequence[LiveScore], n: int) -> float | None:
    if n <= len(scores) or any(score.stderr is None and score.n > 1 for score in scores):
        return None
    variance = sum((score.n - 1) * score.n * (score.stderr or 0.0) ** 2 for score in scores) / (n - len(scores))
    return math.sqrt(variance / n)
