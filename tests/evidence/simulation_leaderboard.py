"""Leaderboards of checkpoints of one training, simulated: they share most answers with each other and with their base.

A leaderboard is made and judged by the code that makes real ones, from answers in memory. Where no test is below the
level of Holm's first step nothing can be claimed; such leaderboards are not made (`possibly_claims`).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from benchtui.compare.differences.difference import PairedTerms, difference
from benchtui.compare.differences.groups import GroupTerms
from benchtui.compare.differences.metrics import AGGREGATIONS
from benchtui.compare.history.history import Outcome
from benchtui.compare.leaderboard.assemble import assembly_of
from benchtui.compare.leaderboard.mean import MeanPart, mean_row
from benchtui.compare.leaderboard.pairs import MeanOf, Pair, PairedRuns
from benchtui.compare.leaderboard.records import Candidate, Key, Leaderboard
from benchtui.compare.records import Row
from benchtui.evidence.corrections import holm
from benchtui.evidence.records import ALPHA
from benchtui.evidence.winners_curse import Choice, shrinkage
from tests.evidence.simulation_family import NO_CHANGE, N, row_of

Booleans = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

CHANGE = 0.2
"""The share of documents on which a checkpoint and its base differ."""

RIGHT = 0.4
"""The share that all get right of the documents whose answer is settled."""


@dataclass(frozen=True)
class Training:
    """`checkpoints` of one base on `tasks` of `documents` each, any two of which differ on a share `change` of the
    documents times `apart`: 1 for models that have no more to do with each other than with the base. All are equally
    good; only the last one is `better` on the first task by so much."""

    checkpoints: int = 10
    tasks: int = 4
    documents: int = 1_319
    change: float = CHANGE
    apart: float = 1.0
    better: float = 0.0


def answers(training: Training, rng: np.random.Generator, *, task: int = 1) -> Booleans:
    """Right or wrong, (documents, 1 + checkpoints), the base first. Where the answer is not settled it is right half of
    the time, for the base and for a training; a checkpoint has that of its training, or draws its own."""
    n, k = training.documents, training.checkpoints
    unsettled = rng.random(n) < 2 * training.change
    own = 1 - np.sqrt(1 - training.apart)  # the share of unsettled documents for which a checkpoint draws its own
    of_training = rng.random((n, 1)) < 0.5
    drawn = rng.random((n, k)) < 0.5
    tuned = np.where(rng.random((n, k)) < own, drawn, of_training)
    if training.better and task == 0:
        tuned[:, -1] = rng.random(n) < 0.5 + training.better / (2 * training.change)
    base = rng.random((n, 1)) < 0.5
    settled = rng.random((n, 1)) < RIGHT
    return np.where(unsettled[:, None], np.concatenate([base, tuned], axis=1), settled)


def scored(training: Training, rng: np.random.Generator) -> list[Booleans]:
    """The answers to each task."""
    return [answers(training, rng, task=task) for task in range(training.tasks)]


def leaderboard(tasks: Sequence[Booleans], *, every: bool = False) -> Leaderboard:
    """Make the leaderboard of these answers. A comparison with a p-value of 5 % or more has no influence on others, but
    counts as one of the tests; unless `every` is asked for it is one without any change."""
    found = assembly_of([_candidate(place, tasks) for place in range(tasks[0].shape[1])])
    while missing := found.missing():
        new = {pair: _compared(pair, tasks, every=every) for pair in missing}
        found = msgspec.structs.replace(found, compared={**found.compared, **new})
    return found.board()


def claims(board: Leaderboard) -> tuple[bool, bool]:
    """Whether any checkpoint is called better than the base, and whether any is called best."""
    rows = (cell.row for cells in board.cells for cell in cells)
    better = any(row is not None and row.verdict is not None and row.verdict.kind.is_gain for row in rows)
    return better, any(best is not None and best.shown for best in board.best)


def false_claims(training: Training, replicas: int, rng: np.random.Generator) -> tuple[float, float, float]:
    """How often any of equal checkpoints is called better than the base, the best, or either."""
    found = np.zeros((replicas, 2), dtype=bool)
    for replica in range(replicas):
        tasks = scored(training, rng)
        if possibly_claims(tasks):
            found[replica] = claims(leaderboard(tasks))
    better, best = found.mean(axis=0)
    return float(better), float(best), float(found.any(axis=1).mean())


def possibly_claims(tasks: Sequence[Booleans]) -> bool:
    """Whether any comparison with the base could pass the first step of Holm's correction. The mean is taken to have
    the p-value of a normal score, of which Gaffke's is hardly less: twice as much is let through."""
    columns = len(tasks) + (len(tasks) > 1)
    level = ALPHA / (columns * (tasks[0].shape[1] - 1))
    if len(tasks) > 1:
        fixed, broken = (np.sum(counts, axis=0) for counts in zip(*map(_flips, tasks), strict=True))
        if bool((_normal_p(fixed, broken, sum(map(len, tasks))) < 2 * level).any()):
            return True
    return any(bool((p_values(task) < level).any()) for task in tasks)


def p_values(task: Booleans) -> Floats:
    """The exact p-value of each checkpoint against the base, vectorised: McNemar's."""
    from scipy.special import bdtr

    fixed, broken = _flips(task)
    return np.minimum(1.0, 2 * bdtr(np.minimum(fixed, broken), fixed + broken, 0.5))


def _flips(task: Booleans) -> tuple[Integers, Integers]:
    """How many documents each checkpoint fixed and broke."""
    both = (task[:, 1:] & task[:, :1]).sum(axis=0)
    return task[:, 1:].sum(axis=0) - both, task[:, 0].sum() - both


def _normal_p(fixed: Integers, broken: Integers, n: int) -> Floats:
    """The p-values of a normal test of the mean change of n documents."""
    from scipy.special import ndtr

    stderr = np.sqrt(np.maximum(fixed + broken - (fixed - broken) ** 2 / n, 1e-12))
    return np.asarray(2 * ndtr(-np.abs(fixed - broken) / stderr))


def found_better(training: Training, replicas: int, rng: np.random.Generator) -> tuple[float, float]:
    """How often the better one is called better than the base on the first task, and the best of that column.

    The mean over the tasks is taken to have shown nothing, which can only make it rarer."""
    columns, k = training.tasks + (training.tasks > 1), training.checkpoints
    level, shown, best = ALPHA / (columns * k), 0, 0
    for _ in range(replicas):
        tasks = scored(training, rng)
        p = np.stack([p_values(task) for task in tasks], axis=1)
        corrected = holm([*p.ravel().tolist(), *[1.0] * (k * (columns - training.tasks))])
        first = tasks[0]
        others = p_values(np.concatenate([first[:, -1:], first[:, :-1]], axis=1))
        ahead = first[:, -1].sum() > first[:, :-1].sum(axis=0).max()
        shown += corrected[(k - 1) * training.tasks] < ALPHA and first[:, -1].sum() > first[:, 0].sum()
        best += bool(ahead and (others < level).all())
    return shown / replicas, best / replicas


def told_and_true(training: Training, replicas: int, rng: np.random.Generator) -> tuple[float, float]:
    """What is told, on average, of the best of equal checkpoints, and by how much its score is above what all of them
    have on average."""
    told, true = [], []
    for _ in range(replicas):
        right = answers(training, rng)[:, 1:] * 1.0
        found = shrinkage([Choice(np.stack([right, np.ones_like(right)], axis=2), _mean)])
        assert found is not None
        told.append(found)
        true.append(right.mean(axis=0).max() - right.mean())
    return float(np.mean(told)), float(np.mean(true))


def _mean(sums: Floats) -> Floats:
    return np.asarray(sums[..., 0] / sums[..., 1])


def _run(place: int) -> Path:
    return Path(f"/runs/{place:04d}")


def _candidate(place: int, tasks: Sequence[Booleans]) -> Candidate:
    key = Key("base", base=True) if place == 0 else Key("tuned", f"checkpoint-{place:04d}")
    names = [f"t{number}" for number in range(len(tasks))]
    outcomes = tuple(
        Outcome(name, "acc,none", float(task[:, place].mean()), None, len(task), len(task), True, True, False)
        for name, task in zip(names, tasks, strict=True)
    )
    runs, bases = dict.fromkeys(names, _run(place)), dict.fromkeys(names, _run(0)) if place else {}
    return Candidate(key, key.format or "base", None, "base" if place else "", outcomes, runs, bases)


def _compared(pair: Pair, tasks: Sequence[Booleans], *, every: bool) -> PairedRuns:
    if not isinstance(pair, MeanOf):
        first, second = (int(run.name) for run in pair)
        sides = enumerate((task[:, first], task[:, second]) for task in tasks)
        return PairedRuns(tuple(_row(number, both, every=every) for number, both in sides))
    sides = [
        (tasks[int(name[1:])][:, int(first.name)], tasks[int(name[1:])][:, int(second.name)])
        for name, (first, second) in pair.parts
    ]
    first, second = (np.concatenate(side) for side in zip(*sides, strict=True))
    if not every and _normal_p(*_flips(np.stack([first, second], axis=1)), len(first)) >= 2 * ALPHA:
        return _no_change_of_the_mean(len(tasks))
    return _mean_of(sides)


@functools.cache
def _no_change_of_the_mean(tasks: int) -> PairedRuns:
    right = np.arange(N) % 2 == 0
    return _mean_of([(right, right)] * tasks)


def _mean_of(sides: Sequence[tuple[Booleans, Booleans]]) -> PairedRuns:
    parts = []
    for number, both in enumerate(sides):
        row = _row(number, both, every=True)
        parts.append(MeanPart(row, GroupTerms(row.pairing, _terms(both))))
    return PairedRuns((mean_row(parts, watched=False)[0],))


def _row(number: int, both: tuple[Booleans, Booleans], *, every: bool) -> Row:
    first, second = both
    fixed, broken = int((second & ~first).sum()), int((first & ~second).sum())
    row = msgspec.structs.replace(row_of(NO_CHANGE), task=f"t{number}")
    if not every and _p(fixed, broken) >= ALPHA:
        return row
    sides = [
        msgspec.structs.replace(side, value=float(right.mean()), n=len(right), total=len(right))
        for side, right in zip((row.first, row.second), both, strict=True)
    ]
    return msgspec.structs.replace(row, first=sides[0], second=sides[1], difference=difference(_terms(both)))


def _terms(both: tuple[Booleans, Booleans]) -> PairedTerms:
    return PairedTerms(AGGREGATIONS[0], *(np.stack([right, np.ones(len(right))], axis=1) * 1.0 for right in both))


@functools.cache
def _p(fixed: int, broken: int) -> float:
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(fixed, broken), fixed + broken, 0.5)))
