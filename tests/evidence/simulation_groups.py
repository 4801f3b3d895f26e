"""Simulated groups of tasks whose true differences are known: statements about these tasks, and about new ones."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from benchtui.evidence import matched_pairs, means, typical_values
from benchtui.evidence.matched_pairs import mcnemar
from benchtui.evidence.pooling import shrink
from benchtui.evidence.records import ALPHA, EARLY_ALPHA, FINAL_ALPHA
from benchtui.evidence.sequential import Betting, stratified_order

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MMLU = (
    *(100, 135, 152, 265, 144, 100, 100, 102, 173, 100, 235, 114, 145, 378, 126, 100, 203, 165, 198, 193, 390, 270),
    *(238, 151, 216, 204, 237, 223, 131, 121, 108, 163, 112, 103, 234, 100, 783, 346, 895, 306, 311, 324, 282, 1534),
    *(272, 612, 110, 245, 201, 100, 166, 171, 131, 100, 100, 100, 100),
)
"""Questions of MMLU's subjects."""

SHAPES: dict[str, Callable[[np.random.Generator, tuple[int, int]], Floats]] = {
    "normal": lambda rng, shape: rng.normal(0, 1, shape),
    "even": lambda rng, shape: rng.uniform(-1.7, 1.7, shape),
    "two kinds": lambda rng, shape: rng.choice([-1.0, 1.0], shape),
}
"""How the differences of tasks of a kind may lie around their mean, 0, with a standard deviation of 1."""


def cancelling(sizes: Sequence[int], spread: float, rng: np.random.Generator, *, by_size: bool = True) -> Floats:
    """Differences of tasks, (tasks,), that spread so much and whose mean (by size, or plain) is 0."""
    found = np.clip(rng.normal(0, spread, len(sizes)), -0.6, 0.6)
    return np.asarray(found - np.average(found, weights=np.array(sizes) if by_size else None))


def counts(
    sizes: Sequence[int], effects: Floats, discordant: float, replicas: int, rng: np.random.Generator
) -> tuple[Integers, Integers]:
    """How many documents get better and worse in each task, (replicas, tasks); at least `discordant` of them change."""
    changed = np.maximum(discordant, np.abs(effects))
    better, worse = (changed + effects) / 2, (changed - effects) / 2
    fixed = rng.binomial(np.array(sizes), better, size=(replicas, len(sizes)))
    broken = rng.binomial(np.array(sizes) - fixed, np.clip(worse / np.maximum(1 - better, 1e-12), 0, 1))
    return fixed, broken


@functools.cache
def _refuted(fixed: int, broken: int, n: int, difference: float) -> bool:
    if difference == 0:
        return mcnemar(fixed, broken) < ALPHA
    low = matched_pairs.chance_of_no_more(fixed, broken, n, difference)
    high = matched_pairs.chance_of_no_more(broken, fixed, n, -difference)
    return min(low, high) < ALPHA / 2


def false_for_these_tasks(
    sizes: Sequence[int], effects: Floats, discordant: float, replicas: int, rng: np.random.Generator
) -> float:
    """How often the true difference over a group's own tasks, by size, is refuted by the pooled 0/1 scores."""
    fixed, broken = counts(sizes, effects, discordant, replicas, rng)
    truth, n = round(float(np.average(effects, weights=np.array(sizes))), 12) + 0.0, sum(sizes)
    pooled = zip(fixed.sum(axis=1).tolist(), broken.sum(axis=1).tolist(), strict=True)
    return float(np.mean([_refuted(f, b, n, truth) for f, b in pooled]))


def false_for_plain_mean(
    sizes: Sequence[int], effects: Floats, discordant: float, replicas: int, rng: np.random.Generator
) -> float:
    """The same where each task counts alike, however few documents it has."""
    truth = float(effects.mean())
    share = np.repeat([1 / (len(sizes) * size) for size in sizes], sizes)
    wrong = 0
    for fixed, broken in zip(*counts(sizes, effects, discordant, replicas, rng), strict=True):
        moved = np.concatenate(
            [np.repeat([1.0, -1.0, 0.0], [f, b, n - f - b]) for f, b, n in zip(fixed, broken, sizes, strict=True)]
        )
        units = means.units_of(share * moved, share, (-1.0, 1.0), weighted=True)
        assert units is not None
        low, high = means.chance_of_no_more(units, truth), means.chance_of_no_more(units.mirrored(), -truth)
        wrong += min(low, high) < ALPHA / 2
    return wrong / replicas


def false_for_scores(sizes: Sequence[int], effects: Floats, replicas: int, rng: np.random.Generator) -> float:
    """The same by size, of skewed scores that are not 0/1: each document changes by its task's effect and a share of a
    cut exponential."""
    n, wrong = sum(sizes), 0
    own = np.repeat(effects, sizes)
    truth = float(own.mean()) + 0.3 * (1 - math.exp(-2))  # the mean of an exponential cut off at 2
    for _ in range(replicas):
        moved = own + 0.3 * np.minimum(rng.exponential(1, n), 2)
        units = means.units_of(moved / n, np.full(n, 1 / n), (-1.0, 1.0))
        assert units is not None
        low, high = means.chance_of_no_more(units, truth), means.chance_of_no_more(units.mirrored(), -truth)
        wrong += min(low, high) < ALPHA / 2
    return wrong / replicas


def false_for_new_tasks(
    tasks: int, spread: float, shape: str, replicas: int, rng: np.random.Generator, sizes: Sequence[int] = MMLU
) -> float:
    """How often a group of so many tasks, drawn from a kind in which the mean difference is 0, is said to show one for
    new tasks; too few tasks say nothing."""
    chosen = np.array(sizes)[rng.permutation(len(sizes))[:tasks]]
    effects = np.clip(spread * SHAPES[shape](rng, (replicas, tasks)), -0.6, 0.6)
    changed = np.maximum(0.2, np.abs(effects))
    fixed = rng.binomial(chosen, (changed + effects) / 2)
    broken = rng.binomial(chosen - fixed, (changed - effects) / (2 - changed - effects))
    found = (fixed - broken) / chosen
    return float(np.mean([_one_shown(row) for row in found]))


def _one_shown(effects: Floats) -> bool:
    ends = typical_values.centre_interval(effects)
    return ends is not None and ends.excludes_zero()


def covered_when_shrunk(tasks: int, spread: float, replicas: int, rng: np.random.Generator) -> float:
    """How often the partially pooled interval of a task holds its own true difference, over all tasks of a group."""
    held = []
    for _ in range(replicas):
        sizes = np.array(MMLU)[rng.permutation(len(MMLU))[:tasks]]
        effects = np.clip(rng.normal(0.02, spread, tasks), -0.5, 0.5)
        fixed, broken = (side[0] for side in counts(sizes.tolist(), effects, 0.2, 1, rng))
        value = (fixed - broken) / sizes
        within = fixed + broken - sizes * value**2
        variance = (within + within.sum() / (sizes.sum() - tasks)) / sizes**2
        ends = np.array([(one.interval.low, one.interval.high) for one in shrink(value, variance)])
        held.append(np.mean((ends[:, 0] <= effects) & (effects <= ends[:, 1])))
    return float(np.mean(held))


def false_when_watched(
    sizes: Sequence[int], effects: Floats, discordant: float, replicas: int, rng: np.random.Generator, orders: int = 40
) -> tuple[float, float]:
    """How often a watched group whose differences cancel out is told from none: by stopping at any document of the
    worker's stratified order, or at its end at 1 %; and how often by stopping alone."""
    n, stopped, ended = sum(sizes), 0, 0
    changed = np.maximum(discordant, np.abs(effects))
    better, worse = (changed + effects) / 2, (changed - effects) / 2
    each = -(-replicas // orders)
    for _ in range(orders):
        strata = np.array([stratum for stratum, _ in stratified_order(sizes, int(rng.integers(2**31)))])
        here, anywhere = (Betting(np.array([[0.5]]), population, EARLY_ALPHA) for population in (n, None))
        total, moves = np.zeros(each), np.zeros(each)
        for place, stratum in enumerate(strata):
            drawn = rng.random(each)
            value = (drawn < better[stratum]).astype(np.float64) - (drawn > 1 - worse[stratum])
            total, moves = total + value, moves + np.abs(value)
            if place < n - 1:
                here.add((value[:, None] + 1) / 2)
                anywhere.add((value[:, None] + 1) / 2)
        early = here.refuted()[:, 0] & anywhere.refuted()[:, 0]
        pairs = zip(((moves + total) / 2).tolist(), ((moves - total) / 2).tolist(), strict=True)
        late = np.array([mcnemar(round(f), round(b)) < FINAL_ALPHA for f, b in pairs])
        stopped += int(early.sum())
        ended += int((early | late).sum())
    return ended / (each * orders), stopped / (each * orders)
