"""Whole comparisons of equal models, simulated: any verdict on any of several tasks is an error.

The rows are made and judged by the code that real comparisons go through, from runs and samples in memory. Nothing but
counts decides about a row, so that each is made once.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from benchtui.compare.compare import Pair, rows_of
from benchtui.compare.differences.leaves import SampleSource, read_leaf
from benchtui.compare.records import Row
from benchtui.compare.verdicts.family import family, judged
from benchtui.compare.verdicts.looks import why_watched
from benchtui.evidence.records import ALPHA, EARLY_ALPHA
from benchtui.evidence.sequential import DOCUMENTS_A_LOOK, Betting
from benchtui.results.records import AskedTask, EarlyStop, Partial, RunResults, Score, Setting, TaskFacts
from benchtui.results.samples import Sample

Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]
Loss = Literal["nothing lost", "wrong answers lost", "stopped by hand"]
LOSSES: tuple[Loss, ...] = ("nothing lost", "wrong answers lost", "stopped by hand")

N, CHANGE, RIGHT = 200, 0.2, 0.6
"""Documents of each task, the share that changes side, and the share that either model gets right."""

LOOKS = (50, 100, 150, *range(190, N))
"""After how many documents of a task somebody looks and may stop the run: all of the last ten."""

LOST = 0.3
"""The share of the answers that training made wrong (without end, say) that are lost: 3 % of all documents."""

DELTA = 0.05

NO_CHANGE = (0, 0, N, 0, 0, 0, 0, 0)


@functools.cache
def _run(name: str, tasks: int, *, watched: bool) -> RunResults:
    """A run that was asked so many tasks; what it answered is put in by others."""
    return RunResults(
        run=Path(f"/runs/{name}"),
        folder=Path(f"/runs/{name}"),
        file=Path(f"/runs/{name}/results.json"),
        stamp="",
        model_name=name,
        role="model",
        state="finished",
        created=dt.datetime(2026, 11, 20),  # noqa: DTZ001 - as lm-eval writes it
        scores=(),
        tasks=(),
        groups=(),
        settings=(Setting("decide early", "5.0"),) if watched else (),
        fingerprint=name,
        asked=tuple(AskedTask(f"t{number}") for number in range(tasks)),
        looked_at=(),
    )


class _Held(SampleSource):
    """Samples that lie in memory."""

    def __init__(self, results: RunResults, samples: list[Sample]) -> None:
        self.results, self._samples = results, samples

    def file(self, task: str) -> Path:
        return self.results.file

    def read(self, task: str) -> list[Sample]:
        return self._samples


def _answered(name: str, rights: dict[int, int], asked: int) -> _Held:
    """A run of the task t0 with these documents right (1) or wrong (0) of those it was asked."""
    n = len(rights)
    run = msgspec.structs.replace(
        _run(name, 1, watched=False),
        scores=(Score("t0", "acc", "none", sum(rights.values()) / n, 0.01, n, True, asked),),
        tasks=(TaskFacts("t0", "1", 0, n, asked, "multiple_choice", "", (("acc", "mean"),)),),
        partial=(Partial("t0", n, asked),) if n < asked else (),
    )
    samples = [
        Sample("t0", document, "none", f"d{document}", f"p{document}", "t", (("acc", float(right)),), 0)
        for document, right in rights.items()
    ]
    return _Held(run, samples)


def _row(first: _Held, second: _Held) -> Row:
    leaves = {(leaf.second_score.task, "acc", "none"): leaf for leaf in read_leaf("t0", first, second)}
    return next(rows_of(Pair(first.results, second.results, ("A", "B"), leaves)))


@functools.cache
def row_of(counts: tuple[int, ...], *, swapped: bool = False) -> Row:
    """A task of which so many documents were fixed, broken and unchanged, only the first run has right and wrong
    answers to, only the second right and wrong ones, and neither any. `swapped`: the runs in the other order."""
    fixed, broken, same, first_right, first_wrong, second_right, second_wrong, _ = counts
    pairs = [(0, 1)] * fixed + [(1, 0)] * broken + [(0, 0)] * same
    first = dict(enumerate(a for a, _ in pairs)) | dict(enumerate([1] * first_right + [0] * first_wrong, 1_000))
    second = dict(enumerate(b for _, b in pairs)) | dict(enumerate([1] * second_right + [0] * second_wrong, 2_000))
    sides = _answered("base", first, sum(counts)), _answered("tuned", second, sum(counts))
    return _row(*reversed(sides)) if swapped else _row(*sides)


@functools.cache
def _stopped(decision: str, *, swapped: bool = False) -> Row:
    """A task that was decided early."""
    ends = {"higher": (0.01, 0.3), "lower": (-0.3, -0.01), "within": (-DELTA, DELTA)}[decision]
    base, tuned = (_answered(name, {d: d % 2 for d in range(48)}, 48) for name in ("base", "tuned"))
    middle = sum(ends) / 2
    stop = EarlyStop(
        "t0", "acc", "none", decision, 48, N, middle, *ends, delta=DELTA, alpha=0.04, base_fingerprint="base"
    )
    tuned.results = msgspec.structs.replace(tuned.results, early=(stop,))
    return _row(tuned, base) if swapped else _row(base, tuned)


def claims(rows: Sequence[Row], tasks: int, *, watched: bool, swapped: bool = False) -> bool:
    """Whether a comparison of runs that were asked so many tasks calls the models different on any of them."""
    base, tuned = _run("base", tasks, watched=False), _run("tuned", tasks, watched=watched)
    runs = (tuned, base) if swapped else (base, tuned)
    named = [msgspec.structs.replace(row, task=f"t{number}") for number, row in enumerate(rows)]
    found = judged(named, family(*runs, named), looks=why_watched(*runs))
    return any(row.verdict is not None and (row.verdict.kind.is_gain or row.verdict.kind.is_loss) for row in found)


def small_p(counts: Integers) -> Booleans:
    """Which rows (..., 8) have a raw p-value below 5 %: no correction makes one smaller, so that the others need not be
    judged."""
    flat = counts.reshape(-1, 8)
    possible = np.flatnonzero(_possibly_small(flat))
    places = (N + 1) ** np.arange(8, dtype=np.int64)
    _, first, inverse = np.unique(flat[possible] @ places, return_index=True, return_inverse=True)
    rows = [row_of(tuple(int(count) for count in flat[place])) for place in possible[first]]
    is_small = [row.verdict is None and row.difference is not None and row.difference.p < ALPHA for row in rows]
    found = np.zeros(len(flat), dtype=bool)
    found[possible] = np.array(is_small, dtype=bool)[inverse]
    return found.reshape(counts.shape[:-1])


def _possibly_small(counts: Integers) -> Booleans:
    """Whether the pairs, or what is missing at its worst or at its best, have a p-value below 5 %: whatever is made of
    missing documents, only these rows can."""
    fixed, broken, _, first_right, first_wrong, second_right, second_wrong, neither = counts.T
    found = np.zeros(len(counts), dtype=bool)
    for up, down in (
        (fixed, broken),
        (fixed, broken + first_right + second_wrong + neither),
        (fixed + first_wrong + second_right + neither, broken),
    ):
        found |= _mcnemar(up, down) < ALPHA
    return found


def false_claims(
    tasks: int, replicas: int, rng: np.random.Generator, *, watched: bool = False, lost: Loss = "nothing lost"
) -> tuple[float, float]:
    """How often two models of equal skill are called different on any of `tasks` tasks, for both orders of the runs."""
    kinds = _outcomes((replicas, tasks), rng)
    gone = _wrong_answers(kinds, rng) if lost == "wrong answers lost" else np.zeros_like(kinds, dtype=bool)
    decided = _decided(kinds, gone, tasks) if watched else np.zeros((replicas, tasks), dtype=np.int64)
    at_the_end = _counts(kinds, gone)
    found = np.zeros((2, replicas), dtype=bool)
    small = small_p(at_the_end)
    suspicious = (small & (decided == 0)).any(axis=1) | (np.abs(decided) == 1).any(axis=1)
    for replica in np.flatnonzero(suspicious):
        for order in (False, True):
            rows = list(_rows(at_the_end[replica], decided[replica], small[replica], swapped=order))
            found[int(order), replica] = claims(rows, tasks, watched=watched, swapped=order)
    if lost == "stopped by hand":
        for order, replica in _when_stopped(kinds, at_the_end, decided, small, watched=watched):
            found[order, replica] = True
    return float(found[0].mean()), float(found[1].mean())


def _outcomes(shape: tuple[int, ...], rng: np.random.Generator) -> Integers:
    """0 fixed, 1 broken, 2 right in both, 3 wrong in both, for each of N documents."""
    half = CHANGE / 2
    return rng.choice(4, p=[half, half, RIGHT - half, 1 - RIGHT - half], size=(*shape, N))


def _wrong_answers(kinds: Integers, rng: np.random.Generator) -> Booleans:
    """Which answers of the fine-tuned model are lost: some that were wrong, where the base was right."""
    return (rng.random(kinds.shape) < LOST) & (kinds == 1)


def _counts(kinds: Integers, gone: Booleans) -> Integers:
    """(..., N) outcomes, and which answers of the second run are lost, to what `row_of` takes (..., 8)."""
    first_right = (kinds == 1) | (kinds == 2)
    none = np.zeros(kinds.shape[:-1], dtype=np.int64)
    each = [
        (kinds == 0) & ~gone,
        (kinds == 1) & ~gone,
        (kinds >= 2) & ~gone,
        first_right & gone,
        ~first_right & gone,
    ]
    return np.stack([*(some.sum(axis=-1) for some in each), none, none, none], axis=-1)


def _rows(counts: Integers, decided: Integers, small: Booleans, *, swapped: bool) -> Iterator[Row]:
    """The rows of some tasks; one whose p is not small has no influence on others, but counts as one of the tests."""
    words = {1: "higher", -1: "lower", 2: "within"}
    for of_task, decision, is_small in zip(counts, decided, small, strict=True):
        if decision:
            yield _stopped(words[int(decision)], swapped=swapped)
        elif is_small:
            yield row_of(tuple(int(count) for count in of_task), swapped=swapped)
        else:
            yield row_of(NO_CHANGE)


def _decided(kinds: Integers, gone: Booleans, tasks: int) -> Integers:
    """How each task was decided early, at the looks of the worker: 1 higher, -1 lower, 2 within DELTA, 0 not at all.

    A document that was given up on ends the looking."""
    moved = np.select([kinds == 0, kinds == 1], [1.0, -1.0], 0.0)
    candidates = (np.array([0.0, -DELTA, DELTA]) + 1) / 2
    alpha = EARLY_ALPHA / tasks
    here = Betting(np.broadcast_to(candidates, (*kinds.shape[:-1], 3)), N, alpha)
    anywhere = Betting(np.broadcast_to(candidates[:1], (*kinds.shape[:-1], 1)), None, alpha)
    found = np.zeros(kinds.shape[:-1], dtype=np.int64)
    for n in range(N - 1):
        here.add((moved[..., n : n + 1] + 1) / 2)
        anywhere.add((moved[..., n : n + 1] + 1) / 2)
        if (n + 1) % DOCUMENTS_A_LOOK == 0:
            watchable = (found == 0) & ~gone[..., : n + 1].any(axis=-1)
            refuted = here.refuted()
            sign = np.sign(moved[..., : n + 1].sum(axis=-1)).astype(np.int64)
            found = np.where(watchable & refuted[..., 0] & anywhere.refuted()[..., 0], sign, found)
            found = np.where(watchable & (found == 0) & refuted[..., 1] & refuted[..., 2], 2, found)
    return found


def _when_stopped(
    kinds: Integers, at_the_end: Integers, decided: Integers, small: Booleans, *, watched: bool
) -> Iterator[tuple[int, int]]:
    """(order, replica) of every look at which the run, stopped there by hand, would show a difference: one task after
    the other is asked, so that those before are whole and those after have no result."""
    tasks = kinds.shape[1]
    for n in LOOKS:
        nothing = np.zeros_like(kinds[..., :n], dtype=bool)
        counts = _counts(kinds[..., :n], nothing)
        counts[..., 7] = N - n
        for replica, task in np.argwhere(small_p(counts) & (decided == 0)):
            for order in (False, True):
                there = at_the_end[replica, :task], decided[replica, :task], small[replica, :task]
                before = _rows(*there, swapped=order)
                half = row_of(tuple(int(count) for count in counts[replica, task]), swapped=order)
                if claims([*before, half], tasks, watched=watched, swapped=order):
                    yield int(order), int(replica)


def pairs_alone(tasks: int, replicas: int, rng: np.random.Generator) -> float:
    """How often equal models would be called different on any task where missing wrong answers were just left out."""
    kinds = _outcomes((replicas, tasks), rng)
    counts = _counts(kinds, _wrong_answers(kinds, rng))
    return float(np.mean((_mcnemar(counts[..., 0], counts[..., 1]) < ALPHA / tasks).any(axis=1)))


def at_any_look(replicas: int, rng: np.random.Generator) -> float:
    """How often equal models would be called different at one of 20 looks, did the answers until then count as all."""
    kinds = _outcomes((replicas,), rng)
    looks = np.arange(N // 20, N + 1, N // 20) - 1
    fixed, broken = (np.cumsum(kinds == kind, axis=1)[:, looks] for kind in (0, 1))
    return float(np.mean((_mcnemar(fixed, broken) < ALPHA).any(axis=1)))


def _mcnemar(fixed: Integers, broken: Integers) -> npt.NDArray[np.float64]:
    from scipy.special import bdtr

    return np.asarray(2 * bdtr(np.minimum(fixed, broken), fixed + broken, 0.5))
