"""Treats effects of several tasks (MMLU's subjects) as random effects: their mean, their spread, and each effect shrunk
towards the mean by as much as its own data are uncertain.

R. DerSimonian and N. Laird, "Meta-analysis in clinical trials", Controlled Clinical Trials 7, 1986, for the spread; C.
Morris, "Parametric empirical Bayes inference", JASA 78, 1983, for the single effects and their intervals.
"""

from __future__ import annotations

import msgspec
import numpy as np

from benchtui.evidence.records import ALPHA, Floats, Integers, Interval
from benchtui.evidence.student import normal_quantile

FEWEST_TO_POOL = 6
"""With fewer effects the spread cannot be estimated, and Morris's correction for that shrinks everything to the mean.
"""


class Spread(msgspec.Struct, frozen=True):
    """`mean` of the effects, each weighted by its precision; `variance` (tau squared) of the true effects around it, 0
    where sampling alone explains all."""

    mean: float
    variance: float


class Shrunk(msgspec.Struct, frozen=True):
    """One task's effect, estimated together with those of its neighbours."""

    value: float
    interval: Interval


def effects(moved: Floats, tasks: Integers) -> tuple[Floats, Floats]:
    """Compute each task's mean of `moved` (documents,) and the variance of that mean, (tasks,) both; `tasks`
    (documents,) numbers them from 0.

    The variance within a task is estimated with one extra document that has the variance of all tasks together, so that
    a task in which nothing moved, or of one document, does not seem to be known exactly.
    """
    sizes = np.bincount(tasks)
    means = np.bincount(tasks, weights=moved) / sizes
    squares = np.bincount(tasks, weights=(moved - means[tasks]) ** 2)
    free = len(moved) - len(sizes)
    together = squares.sum() / free if free else float(np.var(moved))
    return means, (squares + together) / sizes**2


def spread(values: Floats, variances: Floats) -> Spread:
    """Compute the random-effects mean of `values` whose sampling `variances` are known, (tasks,) both, all variances >
    0."""
    weights = 1 / variances
    fixed = np.sum(weights * values) / weights.sum()
    excess = np.sum(weights * (values - fixed) ** 2) - (len(values) - 1)
    scale = weights.sum() - np.sum(weights**2) / weights.sum()
    between = max(0.0, float(excess / scale)) if scale > 0 else 0.0
    weights = 1 / (variances + between)
    return Spread(float(np.sum(weights * values) / weights.sum()), between)


def shrink(values: Floats, variances: Floats, alpha: float = ALPHA) -> tuple[Shrunk, ...]:
    """Move each effect towards the mean of all; () below FEWEST_TO_POOL, or where nothing varies.

    The weight of the mean is Morris's (1.17), its variance his (4.2): the second part is for the uncertainty of the
    spread.
    """
    k = len(values)
    if k < FEWEST_TO_POOL or not np.all(variances > 0):
        return ()
    found = spread(values, variances)
    every = variances + found.variance
    pull = (k - 3) / (k - 1) * variances / every
    average = float(np.sum(variances / every) / np.sum(1 / every))
    doubt = 2 / (k - 3) * pull**2 * (average + found.variance) / every * (values - found.mean) ** 2
    errors = np.sqrt(variances * (1 - (k - 1) / k * pull) + doubt)
    centres = (1 - pull) * values + pull * found.mean
    half = normal_quantile(1 - alpha / 2) * errors
    return tuple(
        Shrunk(float(value), Interval(float(value - h), float(value + h)))
        for value, h in zip(centres, half, strict=True)
    )
